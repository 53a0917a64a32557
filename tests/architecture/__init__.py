"""The repository's own rules: who may import whom, what a file may look like, what may be committed."""
