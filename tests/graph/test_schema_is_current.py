"""The committed schema is the one the code makes; where it is not, what that does to clients is said."""

from api.schema import SCHEMA_FILE, schema_text
from api.schema_changes import changes


def test_committed_schema_is_current() -> None:
    committed, made = SCHEMA_FILE.read_text(), schema_text()
    told = "\n".join(changes(committed, made)) if committed != made else ""
    assert committed == made, f"run: python -m api schema > api/schema.graphql\n{told}"
