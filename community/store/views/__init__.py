"""Read models for people and programs outside: bounded pages and batches, each within the asker's scope."""
