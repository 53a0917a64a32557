"""The whole system on one machine with embedded parts: what `make demo` runs, and the check of it."""
