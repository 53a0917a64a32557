"""The ready questions of docs/queries.md are valid, are their readers' to ask, and GraphiQL offers them."""

import re
from pathlib import Path

import pytest
from graphql import parse, validate

from api import limits
from api.permissions import refusal
from api.roles import Role
from api.schema import build_schema

ROOT = Path(__file__).parents[2]
ROLES = {"Everybody": Role.PUBLIC, "Members": Role.MEMBER, "Operators": Role.OPERATOR, "Auditors": Role.AUDITOR}
SCHEMA = build_schema()._schema


def questions() -> list[tuple[str, str, str]]:
    """(whose, what it asks, the operation), as the page has them."""
    found = []
    text = (ROOT / "docs" / "queries.md").read_text(encoding="utf-8")
    for whose, section in re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL):
        found += [
            (whose, told, asked)
            for told, asked in re.findall(r"^([^\n]+):\n\n```graphql\n(.*?)```", section, re.MULTILINE | re.DOTALL)
        ]
    return found


def test_there_are_some_for_each_kind_of_reader() -> None:
    assert {whose for whose, _, _ in questions()} == ROLES.keys()


@pytest.mark.parametrize(("whose", "told", "asked"), questions())
def test_each_is_valid_small_enough_and_permitted(whose: str, told: str, asked: str) -> None:
    document = parse(asked)
    assert validate(SCHEMA, document) == [], told
    assert refusal(SCHEMA, document, ROLES[whose]) is None
    assert limits.check(document, {}) is None
