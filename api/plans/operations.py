"""Plans of operations, kept by what decides their text; the least used is forgotten first."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
)
from graphql.execution.values import get_variable_values

import community.store.plans  # noqa: F401  declares the sources
from api.plans.walking import Slot, Walker
from community.ids import checked_id
from community.store.plans.compiler import Statement, compile_plan
from community.store.plans.shapes import Argument, NotCompilable, Object, Related
from community.store.views.scope import Scope

PLANS_MAX = 1000
VARIABLES_MAX = 50


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement and how the values of a request fill it."""

    statement: Statement
    slots: tuple[Slot, ...]
    rows_max: int
    root: str = ""
    """Of a stream: its root, by its name in Python."""
    given: Mapping[str, Argument | bool] = field(default_factory=dict)
    """Of a stream: the arguments of its root."""
    after: Argument | None = None
    """Of a stream: the event to go on from."""
    variant: tuple[Any, ...] = ()
    """What of the variables decides the text: which are null, and which booleans are true."""
    many: Statement | None = None
    """Of a stream whose rows depend on the asker: the same for many askers at once."""

    def values(self, variables: Mapping[str, Any]) -> list[Any]:
        """The values of the statement's slots. Raises ValueError for an id that is none of ours."""
        found = []
        for slot in self.slots:
            value = slot.constant if slot.variable is None else variables[slot.variable]
            value = getattr(value, "value", value)  # an enum's
            found.append(_checked_id(value) if slot.is_id else value)
        return found


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document."""

    definition: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]

    def variables(self, schema: GraphQLSchema, given: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """The variables as the schema takes them; None where it does not."""
        declared = self.definition.variable_definitions or ()
        if not declared:
            return {}
        if len(declared) > VARIABLES_MAX:
            return None
        found: Any = get_variable_values(schema, declared, dict(given or {}))
        if isinstance(found, list):
            return None
        return dict(found.coerced)


def operation_of(document: DocumentNode, name: str | None) -> Operation | None:
    """The operation of that name, or the only one; None where there is no such, or not just one."""
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    if name is not None:
        operations = [each for each in operations if each.name and each.name.value == name]
    if len(operations) != 1:
        return None
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    return Operation(operations[0], fragments)


class Plans:
    """The plans of one schema on one database. A text that is none is remembered too."""

    def __init__(self, schema: GraphQLSchema, *, on_sqlite: bool, token: bool) -> None:
        self._schema = schema
        self._on_sqlite = on_sqlite
        self._token = token
        self._kept: OrderedDict[tuple[Any, ...], Plan | None] = OrderedDict()

    def plan(
        self, text: str, operation: Operation, variables: Mapping[str, Any], scope: Scope, *, guarded: bool
    ) -> Plan | None:
        """The plan of a query or stream for askers of this scope's kind; None where it is to take the standard way."""
        variant = tuple(
            (name, None if value is None else value if isinstance(value, bool) else "")
            for name, value in variables.items()
        )
        name = operation.definition.name.value if operation.definition.name else None
        key = (text, name, variant, scope.everything, scope.pseudonyms, guarded)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        try:
            plan = self._made(operation, variables, scope, guarded=guarded)
            plan = plan and replace(plan, variant=variant)
        except NotCompilable:
            plan = None
        self._kept[key] = plan
        while len(self._kept) > PLANS_MAX:
            self._kept.popitem(last=False)
        return plan

    def give_up(self, plan: Plan) -> None:
        """Take the standard way from now on: the database does not carry the plan out."""
        for key in [each for each, kept in self._kept.items() if kept is plan]:
            self._kept[key] = None

    def _made(self, operation: Operation, variables: Mapping[str, Any], scope: Scope, *, guarded: bool) -> Plan | None:
        kind = operation.definition.operation
        root = {
            OperationType.QUERY: self._schema.query_type,
            OperationType.SUBSCRIPTION: self._schema.subscription_type,
        }.get(kind)
        if root is None or operation.definition.directives:
            return None
        walker = Walker(self._schema, operation.fragments, variables)
        shape = walker.object(root, [operation.definition.selection_set], kind.value)

        def statement(shape: Object, *, batch: bool = False) -> Statement:
            return compile_plan(
                shape,
                on_sqlite=self._on_sqlite,
                everything=scope.everything,
                pseudonyms=scope.pseudonyms,
                token=self._token,
                guarded=guarded,
                batch=batch,
            )

        if kind is OperationType.QUERY:
            return Plan(statement(shape), tuple(walker.slots), walker.rows_max)
        (stream,) = shape.members
        if not isinstance(stream, Related):
            raise NotCompilable("a stream has one root")
        given = {name: value for name, value in stream.given.items() if name != "after"}
        shape = Object(shape.source, (replace(stream, given=given),))
        one = statement(shape)
        many = statement(shape, batch=True) if one.of_asker else None
        after = stream.given.get("after")
        return Plan(
            one,
            tuple(walker.slots),
            walker.rows_max,
            root=stream.relation,
            given=stream.given,
            after=after if isinstance(after, Argument) else None,
            many=many,
        )


def _checked_id(text: str) -> str:
    return text if text.startswith("0x") and len(text) == 66 else checked_id(text)
