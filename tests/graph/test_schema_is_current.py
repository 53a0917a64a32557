"""The committed schema is the one the code makes."""

from api.schema import SCHEMA_FILE, schema_text


def test_committed_schema_is_current() -> None:
    assert SCHEMA_FILE.read_text() == schema_text(), "run: python -m api schema > api/schema.graphql"
