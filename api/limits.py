"""How much one operation may ask for, measured on its parsed text before anything is validated or read."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)

from api.errors import TOO_COSTLY, Refused
from api.scalars import PAGE_DEFAULT
from community.store.views.keyset import PAGE_MAX

TOKENS_MAX = 2000
DEPTH_MAX = 15
NESTED_MAX = 4 * DEPTH_MAX
ALIASES_MAX = 15
ROOTS_MAX = 20
DIRECTIVES_MAX = 20
FIELDS_MAX = 2000
REPEATED_MAX = 20
ROWS_MAX = 20_000
DOCUMENT_BYTES_MAX = 100_000

_PAGED = "first"
_CONNECTIONS = frozenset({"nodes", "edges"})


@dataclass(frozen=True, slots=True)
class Measure:
    """Size of a selection with its fragments spread. `rows` is the worst case of all lists under it."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0
    directives: int = 0
    rows: int = 0
    nested: int = 0
    """Selections in each other: levels and fragments."""
    repeated: int = 0
    """Fields that stand beside one of the same name: validation compares each with each."""

    def beside(self, other: "Measure") -> "Measure":
        return Measure(
            max(self.depth, other.depth),
            self.aliases + other.aliases,
            self.fields + other.fields,
            self.directives + other.directives,
            self.rows + other.rows,
            max(self.nested, other.nested),
            self.repeated + other.repeated,
        )


class _Meter:
    def __init__(self, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._variables = variables
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._known: dict[str, Measure] = {}
        self._open: set[str] = set()

    def of(self, selections: SelectionSetNode | None) -> Measure:
        fields = [each for each in (selections.selections if selections else ()) if isinstance(each, FieldNode)]
        total = Measure(repeated=len(fields) - len({(each.alias or each.name).value for each in fields}))
        for node in selections.selections if selections else ():
            directives = Measure(directives=len(node.directives or ()))
            total = total.beside(directives)
            if isinstance(node, FieldNode):
                total = total.beside(self._of_field(node))
            elif isinstance(node, InlineFragmentNode):
                total = total.beside(self.of(node.selection_set))
            elif isinstance(node, FragmentSpreadNode):
                total = total.beside(self._of_fragment(node.name.value))
        return replace(total, nested=total.nested + 1)

    def _of_field(self, node: FieldNode) -> Measure:
        inner = self.of(node.selection_set)
        size = self._page_size(node)
        rows = inner.rows if size is None else size * (1 + inner.rows)
        return Measure(
            depth=inner.depth + (node.name.value not in _CONNECTIONS),
            aliases=inner.aliases + (node.alias is not None),
            fields=inner.fields + 1,
            directives=inner.directives,
            rows=rows,
            nested=inner.nested,
            repeated=inner.repeated,
        )

    def _page_size(self, node: FieldNode) -> int | None:
        """The page size of a list, or None for a field that is no page of a list."""
        for argument in node.arguments or ():
            if argument.name.value == _PAGED:
                value = argument.value
                if isinstance(value, IntValueNode):
                    return min(int(value.value), PAGE_MAX) if len(value.value) < 9 else PAGE_MAX
                given = self._variables.get(value.name.value) if isinstance(value, VariableNode) else None
                return min(given, PAGE_MAX) if isinstance(given, int) else PAGE_MAX
        return PAGE_DEFAULT if self.names(node.selection_set, set()).keys() & _CONNECTIONS else None

    def names(self, selections: SelectionSetNode | None, seen: set[str]) -> Counter[str]:
        """The fields of one object and how often each is asked for, fragments spread once each."""
        found: Counter[str] = Counter()
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                found[node.name.value] += 1
            elif isinstance(node, InlineFragmentNode):
                found += self.names(node.selection_set, seen)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                fragment = self._fragments.get(node.name.value)
                found += self.names(fragment.selection_set if fragment else None, seen)
        return found

    def _of_fragment(self, name: str) -> Measure:
        if name in self._known:
            return self._known[name]
        fragment = self._fragments.get(name)
        if fragment is None or name in self._open:
            return Measure()  # validation names the unknown fragment, or the circle
        self._open.add(name)
        measure = self.of(fragment.selection_set)
        self._open.discard(name)
        self._known[name] = measure
        return measure


def check(document: DocumentNode, variables: Mapping[str, Any] | None) -> Refused | None:
    """Why the document asks for too much, in one sentence; None if it does not."""
    try:
        return _too_much(document, variables)
    except RecursionError:
        return Refused(TOO_COSTLY, "The operation is nested too deeply. Ask for less at once.")


def _too_much(document: DocumentNode, variables: Mapping[str, Any] | None) -> Refused | None:
    meter = _Meter(document, variables or {})
    for operation in document.definitions:
        if not isinstance(operation, OperationDefinitionNode):
            continue
        size = meter.of(operation.selection_set)
        roots = meter.names(operation.selection_set, set()).total()
        for what, found, most in (
            ("levels deep", size.depth, DEPTH_MAX),
            ("aliases", size.aliases, ALIASES_MAX),
            ("roots", roots, ROOTS_MAX),
            ("repeated fields", size.repeated, REPEATED_MAX),
            ("directives", size.directives + len(operation.directives or ()), DIRECTIVES_MAX),
            ("fields", size.fields, FIELDS_MAX),
            ("rows at worst", size.rows, ROWS_MAX),
            ("selections in each other", size.nested, NESTED_MAX),
        ):
            if found > most:
                return Refused(
                    TOO_COSTLY, f"The operation has {found} {what}; {most} are allowed. Ask for less at once."
                )
    return None
