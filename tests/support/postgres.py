"""The private PostgreSQL server of a test session; the benches start theirs in the same way."""

from tools.private_postgres import PostgresUnavailable, PrivatePostgres, find_binaries, free_port, private_postgres

__all__ = ["PostgresUnavailable", "PrivatePostgres", "find_binaries", "free_port", "private_postgres"]
