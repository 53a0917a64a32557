"""Everything in the schema is described, every word that is kept is used, and what would break clients is named."""

from graphql import (
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
    find_breaking_changes,
)

from api.schema import SCHEMA_FILE, schema_text
from api.schema import build_schema as ours
from api.schema_changes import changes
from api.words_of_arguments import ARGUMENTS
from api.words_of_fields import FIELDS

SCHEMA = ours()._schema
TYPES = {name: kind for name, kind in SCHEMA.type_map.items() if not name.startswith("__")}
WITH_FIELDS = GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType
BUILT_IN = {"Boolean", "Float", "ID", "Int", "String"}


def test_every_type_is_described() -> None:
    assert [name for name, kind in TYPES.items() if not kind.description and name not in BUILT_IN] == []


def test_every_field_and_argument_is_described() -> None:
    silent = []
    for name, kind in TYPES.items():
        if isinstance(kind, WITH_FIELDS):
            for field_name, field in kind.fields.items():
                silent += [] if field.description else [f"{name}.{field_name}"]
                arguments = getattr(field, "args", {})
                silent += [f"{name}.{field_name}({each})" for each, a in arguments.items() if not a.description]
    assert silent == []


def test_no_words_are_kept_for_what_is_not_there() -> None:
    fields = [(name, field) for name, kind in TYPES.items() if isinstance(kind, WITH_FIELDS) for field in kind.fields]
    known = {field for _, field in fields} | {f"{name}.{field}" for name, field in fields}
    assert FIELDS.keys() - known == set()
    arguments = {
        (field, argument)
        for kind in TYPES.values()
        if isinstance(kind, WITH_FIELDS)
        for field, each in kind.fields.items()
        for argument in getattr(each, "args", {})
    }
    spoken = {argument for _, argument in arguments} | {f"{field}.{argument}" for field, argument in arguments}
    assert ARGUMENTS.keys() - spoken == set()


def test_the_committed_schema_breaks_no_client_of_itself_and_breaks_are_named() -> None:
    text = SCHEMA_FILE.read_text()
    assert changes(text, schema_text()) == []
    without = text.replace('  """Who the API key says you are."""\n  viewer: Viewer!\n', "", 1)
    assert without != text
    assert changes(text, without) == ["breaks clients: Field Query.viewer was removed."]
    assert find_breaking_changes(build_schema(without), build_schema(text)) == []
