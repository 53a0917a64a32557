"""The targets, by what they read. Each module has TARGETS, by name."""
