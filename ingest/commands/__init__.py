"""What an operator can ask of ingest beside running it. Each module is a thin shell over a use case of the store."""
