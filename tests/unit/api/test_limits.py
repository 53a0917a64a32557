"""Limits on what one operation may ask for."""

import pytest
from graphql import parse

from api.limits import ALIASES_MAX, DEPTH_MAX, ROOTS_MAX, check


def nested(levels: int) -> str:
    return "{" + " a {" * (levels - 1) + " a " + "}" * levels


def test_ordinary_operation_passes() -> None:
    assert check(parse("{ viewer { role } transfers(first: 50) { nodes { amount } } }"), None) is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (nested(DEPTH_MAX + 1), "levels deep"),
        ("{" + " ".join(f"a{n}: viewer {{ role }}" for n in range(ALIASES_MAX + 1)) + "}", "aliases"),
        ("{" + " viewer { role }" * (ROOTS_MAX + 1) + "}", "roots"),
        ("{" + " ... {" * 60 + " viewer { role } " + "}" * 61, "selections in each other"),
        ("{ viewer {" + " role" * 50 + " } }", "repeated fields"),
        ("{ ...r } fragment r on Query {" + " viewer { role }" * (ROOTS_MAX + 1) + "}", "roots"),
        ("{ ... on Query {" + " viewer { role }" * (ROOTS_MAX + 1) + "} }", "roots"),
        ("{ viewer " + "@skip(if: true) " * 21 + "{ role } }", "directives"),
        ("{ meteringPoints(first: 500) { nodes { measurements(first: 500) { nodes { id } } } } }", "rows"),
        ("{ meteringPoints(first: $n) { nodes { measurements(first: $n) { nodes { id } } } } }", "rows"),
    ],
)
def test_costly_operations_are_refused_in_one_sentence(text: str, word: str) -> None:
    refused = check(parse(text), None)
    assert refused is not None and word in refused.message
    assert refused.extensions == {"code": "TOO_COSTLY"}


@pytest.mark.parametrize(
    "list_of", ["nodes { %s }", "... { nodes { %s } }", "... @include(if: true) { edges { node { %s } } }"]
)
def test_pages_of_no_given_size_are_counted_however_they_are_written(list_of: str) -> None:
    inner = "id"
    for name in ("measurements", "meteringPoints", "measurements"):
        inner = f"{name} {{ {list_of % inner} }}"
    refused = check(parse(f"{{ {inner} }}"), None)
    assert refused is not None and "rows" in refused.message


def test_pages_in_a_fragment_are_counted() -> None:
    page = "fragment p on C { nodes { a { ...q } } } fragment q on C { nodes { a { ...r } } } fragment r on C { nodes { a } }"
    refused = check(parse(f"{{ list {{ ...p }} }} {page}"), None)
    assert refused is not None and "rows" in refused.message


def test_page_sizes_in_variables_are_counted_as_given() -> None:
    text = "query ($n: PageSize!) { meteringPoints(first: $n) { nodes { measurements(first: $n) { nodes { id } } } } }"
    assert check(parse(text), {"n": 50}) is None
    assert check(parse(text), {"n": 500}) is not None


def test_fragments_that_double_each_other_are_counted_without_being_unfolded() -> None:
    text = "{ ...f0 } " + " ".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(60))
    refused = check(parse(text + " fragment f60 on Query { viewer { role } }"), None)
    assert refused is not None and "fields" in refused.message


def test_fragments_in_a_circle_end() -> None:
    assert check(parse("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }"), None) is None


def test_nodes_and_edges_are_no_levels_of_their_own() -> None:
    inner = "a {" * (DEPTH_MAX - 2) + " a " + "}" * (DEPTH_MAX - 2)
    assert check(parse(f"{{ list {{ nodes {{ {inner} }} }} }}"), None) is None
