"""The GraphQL types, one module per slice."""
