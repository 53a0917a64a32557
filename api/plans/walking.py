"""From a valid and permitted operation to the shape of its answer.

Raises NotCompilable for whatever has no source, column or relation in the store: that operation takes the standard way.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    Undefined,
    VariableNode,
    get_named_type,
    is_leaf_type,
    value_from_ast,
)
from graphql.language import ListValueNode, ObjectValueNode

from api.paging import Connection
from api.plans.lives import source_of
from community.store.plans import shapes

Fields = dict[str, list[FieldNode]]


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a value comes from when the plan runs: a variable, or what stands in the text."""

    variable: str | None
    constant: Any = None
    is_id: bool = False


class Walker:
    """Walks one operation with its variables: which are null, and which booleans are true, decides the shape."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], variables: Mapping[str, Any]
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables
        self.slots: list[Slot] = []
        self.rows_max = 0
        self._multiplier = 1

    # ---- which fields

    def collected(self, parent: GraphQLObjectType, selections: Iterable[SelectionSetNode | None]) -> Fields:
        """Fields by the key of the answer, fragments spread, those left out by a directive gone."""
        fields: Fields = {}
        for each in selections:
            if each is not None:
                self._collect(parent, each, fields, set())
        return fields

    def _collect(self, parent: GraphQLObjectType, selections: SelectionSetNode, fields: Fields, seen: set[str]) -> None:
        for node in selections.selections:
            if not self._included(node.directives or ()):
                continue
            if isinstance(node, FieldNode):
                fields.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                if condition is None or self._applies(condition.name.value, parent):
                    self._collect(parent, node.selection_set, fields, seen)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                fragment = self._fragments[node.name.value]
                if self._applies(fragment.type_condition.name.value, parent):
                    self._collect(parent, fragment.selection_set, fields, seen)

    def _applies(self, condition: str, parent: GraphQLObjectType) -> bool:
        kind = self._schema.type_map[condition]
        return kind is parent or (isinstance(kind, GraphQLInterfaceType) and self._schema.is_sub_type(kind, parent))

    def _included(self, directives: Iterable[DirectiveNode]) -> bool:
        for directive in directives:
            name = directive.name.value
            if name not in ("include", "skip"):
                raise shapes.NotCompilable(f"@{name}")
            value: Any = (directive.arguments or ())[0].value
            decided = self._variables.get(value.name.value) if isinstance(value, VariableNode) else value.value
            if bool(decided) is (name == "skip"):
                return False
        return True

    # ---- objects

    def object(
        self, parent: GraphQLObjectType, selections: list[SelectionSetNode | None], source: str
    ) -> shapes.Object:
        """The shape of an object of `parent`, whose rows are those of `source`."""
        members: list[shapes.Member] = []
        for key, nodes in self.collected(parent, selections).items():
            members.append(self._member(parent, key, nodes))
        return shapes.Object(source, tuple(members))

    def _member(self, parent: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> shapes.Member:
        name = nodes[0].name.value
        if name == "__typename":
            return shapes.Fixed(key, parent.name)
        if name.startswith("__"):
            raise shapes.NotCompilable(name)
        definition = parent.fields[name]
        column = python_name(definition)
        kind = get_named_type(definition.type)
        if is_leaf_type(kind):
            if definition.args or is_list(definition.type):
                raise shapes.NotCompilable(f"{parent.name}.{name} has arguments or is a list")
            return shapes.Value(key, column, address=kind.name == "Address")
        inner = [node.selection_set for node in nodes]
        if isinstance(kind, GraphQLObjectType) and is_connection(kind):
            return self._listed(kind, key, column, inner, self.arguments(definition, nodes[0]))
        given = self.arguments(definition, nodes[0])
        before = self._multiplier
        self._multiplier *= 20 if is_list(definition.type) else 1
        self.rows_max += self._multiplier
        shape = self.shape(kind, inner)
        self._multiplier = before
        return shapes.Related(key, column, shape, given)

    def shape(self, kind: Any, inner: list[SelectionSetNode | None]) -> shapes.Object | shapes.Choice:
        """The shape of a field's objects: of one type, or one for each type that may stand there."""
        if isinstance(kind, GraphQLObjectType):
            source = source_of(origin(kind))
            if source is None:
                raise shapes.NotCompilable(f"{kind.name} lives nowhere")
            return self.object(kind, inner, source)
        if not isinstance(kind, GraphQLInterfaceType):
            raise shapes.NotCompilable(f"{kind} is a union")
        by_source = {}
        for each in self._schema.get_possible_types(kind):
            source = source_of(origin(each))
            if source is None:
                raise shapes.NotCompilable(f"{each.name} lives nowhere")
            by_source[source] = self.object(each, inner, source)
        return shapes.Choice(by_source)

    # ---- lists

    def _listed(
        self,
        kind: GraphQLObjectType,
        key: str,
        relation: str,
        inner: list[SelectionSetNode | None],
        given: shapes.Given,
    ) -> shapes.Listed:
        arguments = dict(given)
        first, after = arguments.pop("first", None), arguments.pop("after", None)
        if not isinstance(first, shapes.Argument) or isinstance(after, bool):
            raise shapes.NotCompilable("a page has a size")
        before = self._multiplier
        slot = self.slots[first.slot]
        self._multiplier *= self._variables[slot.variable] if slot.variable else slot.constant
        self.rows_max += self._multiplier
        node_type = get_named_type(kind.fields["nodes"].type)
        parts: list[shapes.Nodes | shapes.Edges | shapes.PageInfo | shapes.Fixed] = []
        for part, nodes in self.collected(kind, inner).items():
            selections = [node.selection_set for node in nodes]
            match nodes[0].name.value:
                case "__typename":
                    parts.append(shapes.Fixed(part, kind.name))
                case "nodes":
                    parts.append(shapes.Nodes(part, self.shape(node_type, selections)))
                case "edges":
                    parts.append(self._edges(kind, part, selections))
                case "pageInfo":
                    parts.append(self._page_info(kind, part, selections))
                case other:
                    raise shapes.NotCompilable(f"{kind.name}.{other}")
        self._multiplier = before
        return shapes.Listed(key, relation, tuple(parts), first, after, arguments)

    def _edges(self, kind: GraphQLObjectType, key: str, selections: list[SelectionSetNode | None]) -> shapes.Edges:
        edge: Any = get_named_type(kind.fields["edges"].type)
        members: list[shapes.Cursor | shapes.Node | shapes.Fixed] = []
        for part, nodes in self.collected(edge, selections).items():
            match nodes[0].name.value:
                case "__typename":
                    members.append(shapes.Fixed(part, edge.name))
                case "cursor":
                    members.append(shapes.Cursor(part))
                case _:
                    inner = [node.selection_set for node in nodes]
                    members.append(shapes.Node(part, self.shape(get_named_type(edge.fields["node"].type), inner)))
        return shapes.Edges(key, tuple(members))

    def _page_info(
        self, kind: GraphQLObjectType, key: str, selections: list[SelectionSetNode | None]
    ) -> shapes.PageInfo:
        info: Any = get_named_type(kind.fields["pageInfo"].type)
        members: list[shapes.More | shapes.Cursor | shapes.Fixed] = []
        for part, nodes in self.collected(info, selections).items():
            name = nodes[0].name.value
            if name == "__typename":
                members.append(shapes.Fixed(part, info.name))
            elif name in ("hasNextPage", "endCursor"):
                members.append(shapes.More(part) if name == "hasNextPage" else shapes.Cursor(part))
            else:
                raise shapes.NotCompilable(f"PageInfo.{name}")
        return shapes.PageInfo(key, tuple(members))

    # ---- arguments

    def arguments(self, definition: GraphQLField, node: FieldNode) -> dict[str, shapes.Argument | bool]:
        """The arguments that are not null, each a slot; booleans as they are, for they decide the text."""
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        found: dict[str, shapes.Argument | bool] = {}
        for name, argument in definition.args.items():
            value, variable = given.get(name), None
            constant: Any = None if argument.default_value is Undefined else argument.default_value
            if isinstance(value, VariableNode):
                if value.name.value in self._variables:
                    variable = value.name.value
                    constant = self._variables[variable]
            elif isinstance(value, ListValueNode | ObjectValueNode):
                raise shapes.NotCompilable(f"the argument {name} is made of parts")
            elif value is not None:
                constant = value_from_ast(value, argument.type)
                if constant is Undefined:
                    raise shapes.NotCompilable(f"the argument {name} is no value")
            if constant is None:
                continue
            place = argument.extensions["strawberry-definition"].python_name
            if isinstance(constant, bool):
                found[place] = constant
                continue
            is_id = get_named_type(argument.type).name == "ID"
            self.slots.append(Slot(variable, constant.value if isinstance(constant, Enum) else constant, is_id))
            found[place] = shapes.Argument(len(self.slots) - 1)
        return found


def python_name(definition: GraphQLField) -> str:
    """The name of a field in Python, which is that of its column."""
    declared = definition.extensions.get("strawberry-definition")
    return str(getattr(declared, "python_name", None) or "")


def origin(kind: Any) -> type:
    """The Python class of a GraphQL type."""
    found: type = kind.extensions["strawberry-definition"].origin
    return found


def is_list(kind: Any) -> bool:
    if isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    return isinstance(kind, GraphQLList)


def is_connection(kind: GraphQLObjectType) -> bool:
    declared = origin(kind)
    return declared is Connection or Connection in declared.__mro__
