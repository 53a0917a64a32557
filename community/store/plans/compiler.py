"""From a shape to one SQL statement: a correlated sub-select for each relation, JSON at every level."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias, cast

from sqlalchemy import JSON, Integer, bindparam, case, func, literal_column, true, tuple_, union_all
from sqlalchemy import cast as cast_sql
from sqlalchemy.dialects.postgresql import asyncpg as postgresql
from sqlalchemy.dialects.sqlite import aiosqlite as sqlite
from sqlalchemy.types import BigInteger, String

from community.store.column_types import Uint256, UtcInstant
from community.store.plans import marks
from community.store.plans.json_postgresql import PostgresRendering
from community.store.plans.json_sqlite import SqliteRendering
from community.store.plans.rendering import Piece, Rendering, marked
from community.store.plans.shapes import (
    Argument,
    Choice,
    Cursor,
    Edges,
    Fixed,
    Given,
    Listed,
    Member,
    More,
    Node,
    Nodes,
    NotCompilable,
    Object,
    PageInfo,
    Related,
    Value,
)
from community.store.plans.sources import Asking, Opened, Relation, Way, of_name
from community.store.plans.viewers import BATCH, IDS, PlannedScope, guard
from community.store.views.keyset import select_rows

Outer: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a place in the statement takes: a value by its slot, one key of a cursor, something of the asker, or a constant."""

    slot: int | None = None
    key: int | None = None
    key_types: tuple[type[Any], ...] = ()
    asker: str | None = None
    constant: Any = None


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with its parameters in order. Its only row has the answer, or is missing: then take the standard way."""

    sql: str
    parameters: tuple[Parameter, ...]

    @property
    def of_asker(self) -> bool:
        """Whether the rows depend on who asks, among all whose scope is of the same kind."""
        return any(parameter.asker == "ids" for parameter in self.parameters)


_ASKER_TYPES: dict[str, Any] = {"now": UtcInstant(), "behind": Integer()}


class _Compiler:
    def __init__(self, *, on_sqlite: bool, everything: bool, pseudonyms: bool, token: bool, batch: bool) -> None:
        self.render: Rendering = SqliteRendering() if on_sqlite else PostgresRendering()
        scope = PlannedScope(everything=everything, pseudonyms=pseudonyms, on_sqlite=on_sqlite, batch=batch)
        self.asking = Asking(scope, on_sqlite, token, batch, self._of_asker)
        self.parameters: dict[str, Parameter] = {}
        self._number = 0

    def _name(self, prefix: str) -> str:
        self._number += 1
        return f"{prefix}{self._number}"

    def _of_asker(self, what: str) -> Any:
        if self.asking.batch and what not in ("now", "token"):
            raise NotCompilable(f"the {what} of many askers")
        self.parameters[f"asker_{what}"] = Parameter(asker=what)
        return bindparam(f"asker_{what}", type_=_ASKER_TYPES.get(what) or String())

    def _bind(self, argument: Argument, type_: Any = None) -> Any:
        name = f"s{argument.slot}"
        self.parameters[name] = Parameter(slot=argument.slot)
        return bindparam(name, type_=type_)

    def _arguments(self, given: Given) -> dict[str, Any]:
        return {name: value if isinstance(value, bool) else self._bind(value) for name, value in given.items()}

    # ---- objects

    def object(self, shape: Object, opened: Opened, outer: Outer) -> Piece:
        """The object of a row."""
        return self.render.object(
            [(each.key, self._member(shape.source, each, opened, outer)) for each in shape.members]
        )

    def _member(self, source: str, member: Member, opened: Opened, outer: Outer) -> Piece:
        if isinstance(member, Fixed):
            return self.render.constant(member.text)
        if isinstance(member, Value):
            if member.column not in opened.columns:
                raise NotCompilable(f"{source} has no column {member.column}")
            expression = opened[member.column]
            if member.address:
                return self.render.mark(marked(marks.ADDRESS, expression))
            return self.render.value(expression)
        relation = of_name(source).relations.get(member.relation)
        if relation is None:
            raise NotCompilable(f"{source} has no relation {member.relation}")
        arguments = self._arguments(member.given)
        if member.given.keys() - relation.arguments or not relation.available(self.asking, arguments):
            raise NotCompilable(f"{source}.{member.relation} with these arguments")
        outer = (*outer, *opened.aliases)
        limited = False
        if isinstance(member, Listed):
            if relation.kind != "page":
                raise NotCompilable(f"{member.relation} is no page")
            found = self._page(member, relation, arguments, opened, outer)
        else:
            found = self._related(member, relation, arguments, opened, outer)
            limited = relation.kind == "one" and relation.keys is not None
        if relation.only_if is not None:
            found = case((relation.only_if(arguments, self.asking), found))
        return self.render.or_missing(found) if relation.required else self.render.nested(found, limited=limited)

    def _shown(self, shape: Object | Choice, opened: Opened, outer: Outer, source: str) -> Any:
        """What is shown of a row, as a column of the statement that reads the row."""
        if isinstance(shape, Object):
            if shape.source == source:
                return self.render.sql(self.object(shape, opened, outer))
            return self.render.sql(self.render.nested(self._as(shape, opened, outer)))
        if opened.kind is None:
            raise NotCompilable("what kind a row is cannot be told")
        cases = [(opened.kind == kind, self._as(each, opened, outer)) for kind, each in shape.of.items()]
        return self.render.sql(self.render.nested(case(*cases)))

    def _as(self, shape: Object, opened: Opened, outer: Outer) -> Any:
        """The same identity as another source: what a kind has beside its identity."""
        kind = of_name(shape.source)
        outer = (*outer, *opened.aliases)
        if kind.beside is not None and opened.kind is not None:
            inner = kind.beside(self.asking, opened.rows)
            shown = self.render.sql(self.object(shape, inner, outer))
            if inner.rows is None:
                return shown
            statement = select_rows(shown).select_from(inner.rows).where(*inner.where)
        else:
            inner = kind.open(self.asking)
            shown = self.render.sql(self.object(shape, inner, outer))
            statement = select_rows(shown).select_from(inner.rows).where(inner["id"] == opened["id"])
        return statement.correlate(*outer).scalar_subquery()

    # ---- relations

    def _related(
        self, member: Related, relation: Relation, arguments: dict[str, Any], ours: Opened, outer: Outer
    ) -> Any:
        theirs = of_name(relation.target).open(self.asking)
        if relation.passes:
            passed = {f"argument_{name}": value for name, value in arguments.items()}
            theirs = replace(theirs, columns={**theirs.columns, **passed})
        shown = self._shown(member.shape, theirs, outer, relation.target)
        conditions = [*relation.on(ours, theirs, arguments, self.asking), *theirs.where]
        order = self._order(relation, theirs) if relation.keys else []
        if relation.kind == "one":
            statement = select_rows(shown).where(*conditions)
            if theirs.rows is not None:
                statement = statement.select_from(theirs.rows)
            if order:
                statement = statement.order_by(*order).limit(literal_column("1"))
            return statement.correlate(*outer).scalar_subquery()
        if relation.kind != "many":
            raise NotCompilable(f"{member.relation} is a page")
        limit = literal_column(str(relation.limit)) if relation.limit_by is None else ours[relation.limit_by]
        ordered = (list(relation.keys(theirs)) if relation.keys else [], order, limit)
        listed = self._limited(relation, (ours, theirs, arguments), [shown.label("o")], conditions, ordered, outer)
        found = self._array(self.render.element(listed.c.o))
        return select_rows(self.render.sql(found)).select_from(listed).scalar_subquery()

    def _array(self, piece: Piece, condition: Any = None) -> Piece:
        return self.render.array(self.render.sql(piece), condition)

    def _order(self, relation: Relation, theirs: Opened) -> list[Any]:
        keys = relation.keys(theirs) if relation.keys else ()
        return [each.desc() if relation.falling else each for each in keys]

    def _page(self, page: Listed, relation: Relation, arguments: dict[str, Any], ours: Opened, outer: Outer) -> Any:
        theirs = of_name(relation.target).open(self.asking)
        keys = list(relation.keys(theirs)) if relation.keys else []
        conditions = [*relation.on(ours, theirs, arguments, self.asking), *theirs.where]
        if page.after is not None:
            bound = [self._key(page.after, number, keys) for number in range(len(keys))]
            left, right = tuple_(*keys), tuple_(*bound)
            conditions.append(left < right if relation.falling else left > right)
        shapes = [part.shape for part in page.parts if isinstance(part, Nodes)]
        shapes += [
            each.shape
            for part in page.parts
            if isinstance(part, Edges)
            for each in part.members
            if isinstance(each, Node)
        ]
        wants_more = any(isinstance(part, PageInfo) for part in page.parts)
        columns = [self._shown(shape, theirs, outer, relation.target).label(f"o{n}") for n, shape in enumerate(shapes)]
        if wants_more or not columns or any(isinstance(part, Edges) for part in page.parts):
            columns.append(self.render.cursor(keys).label("c"))
        first = self._bind(page.first, Integer())
        limit = first + literal_column("1", Integer()) if wants_more else first
        order = self._order(relation, theirs)
        limited = self._limited(relation, (ours, theirs, arguments), columns, conditions, (keys, order, limit), outer)
        return self._connection(page.parts, limited, shapes, first, wants_more=wants_more)

    def _limited(
        self,
        relation: Relation,
        sides: tuple[Opened, Opened, dict[str, Any]],
        columns: list[Any],
        conditions: list[Any],
        ordered: tuple[list[Any], list[Any], Any],
        outer: Outer,
    ) -> Any:
        ours, theirs, arguments = sides
        keys, order, limit = ordered
        if relation.through is None:
            rows = select_rows(*columns).select_from(theirs.rows).where(*conditions).order_by(*order).limit(limit)
            return rows.correlate(*outer).subquery(self._name("t"))
        ways = relation.through(ours, self.asking, arguments)
        if not ways:
            rows = select_rows(*columns).select_from(theirs.rows).where(*conditions).order_by(*order).limit(limit)
            return rows.correlate(*outer).subquery(self._name("t"))
        if self.asking.sqlite:
            if len(ways) > 1:
                raise NotCompilable("SQLite knows no lateral joins")
            joined = ways[0].rows.join(theirs.rows, ways[0].joins(theirs))
            rows = select_rows(*columns).select_from(joined).where(*conditions).order_by(*order).limit(limit)
            return rows.correlate(*outer).subquery(self._name("t"))
        # The newest of each way by index, then the newest of them: else all that lies behind a way would be sorted.
        found = [self._newest(way, theirs, columns, conditions, ordered, outer) for way in ways]
        merged = (found[0] if len(found) == 1 else _united(found)).subquery(self._name("m"))
        again = [merged.c[f"k{n}"] for n in range(len(keys))]
        rows = select_rows(*[merged.c[column.name] for column in columns]).select_from(merged)
        rows = rows.order_by(*[key.desc() if relation.falling else key for key in again]).limit(limit)
        return rows.subquery(self._name("t"))

    def _newest(
        self,
        way: Way,
        theirs: Opened,
        columns: list[Any],
        conditions: list[Any],
        ordered: tuple[Any, ...],
        outer: Outer,
    ) -> Any:
        keys, order, limit = ordered
        each = select_rows(*[key.label(f"k{n}") for n, key in enumerate(keys)], *columns).select_from(theirs.rows)
        each = each.where(*conditions, way.joins(theirs)).order_by(*order[: way.unique_by]).limit(limit)
        newest = each.correlate(*outer, way.rows).lateral(self._name("l"))
        return select_rows(*newest.c).select_from(way.rows.join(newest, true())).correlate(*outer)

    def _key(self, after: Argument, number: int, keys: Sequence[Any]) -> Any:
        name = f"s{after.slot}k{number}"
        types = tuple(_python_type(key.type) for key in keys)
        self.parameters[name] = Parameter(slot=after.slot, key=number, key_types=types)
        return bindparam(name, type_=keys[number].type)

    def _connection(
        self, parts: Sequence[Any], limited: Any, shapes: list[Any], first: Any, *, wants_more: bool
    ) -> Any:
        rows, within, last, more = limited, None, None, None
        if wants_more:
            number, total = func.row_number().over(), func.count().over()
            rows = (
                select_rows(*limited.c, number.label("n"), total.label("total"))
                .select_from(limited)
                .subquery(self._name("n"))
            )
            within, more = rows.c.n <= first, func.count() > first
            shown = case((rows.c.total > first, first), else_=rows.c.total)
            last = func.max(case((rows.c.n == shown, rows.c.c)))
        objects = iter([self.render.element(rows.c[f"o{n}"]) for n in range(len(shapes))])
        members: list[tuple[str, Piece]] = []
        later: list[Any] = list(parts)
        nodes = {id(part): next(objects) for part in later if isinstance(part, Nodes)}
        for part in later:
            if isinstance(part, Fixed):
                members.append((part.key, self.render.constant(part.text)))
            elif isinstance(part, Nodes):
                members.append((part.key, self._array(nodes[id(part)], within)))
            elif isinstance(part, Edges):
                edge = [(each.key, self._edge(each, rows, objects)) for each in part.members]
                members.append((part.key, self._array(self.render.object(edge), within)))
            elif isinstance(part, PageInfo):
                info = [(each.key, self._info(each, more, last)) for each in part.members]
                members.append((part.key, self.render.object(info)))
        shown = select_rows(self.render.sql(self.render.object(members)))
        if not any(isinstance(part, Nodes | Edges) or _asks_for_rows(part) for part in parts):
            return shown.scalar_subquery()  # nothing adds the rows up to one
        return shown.select_from(rows).scalar_subquery()

    def _edge(self, part: Any, rows: Any, objects: Any) -> Piece:
        if isinstance(part, Fixed):
            return self.render.constant(part.text)
        return self.render.mark(rows.c.c) if isinstance(part, Cursor) else next(objects)

    def _info(self, part: Any, more: Any, last: Any) -> Piece:
        if isinstance(part, Fixed):
            return self.render.constant(part.text)
        return self.render.boolean(more) if isinstance(part, More) else self.render.mark(last)


def _asks_for_rows(part: Any) -> bool:
    return isinstance(part, PageInfo) and any(not isinstance(each, Fixed) for each in part.members)


def _united(statements: list[Any]) -> Any:
    return union_all(*statements)


def _python_type(kind: Any) -> type[Any]:
    if isinstance(kind, UtcInstant):
        return datetime
    return int if isinstance(kind, Integer | BigInteger) else str


def compile_plan(
    root: Object,
    *,
    on_sqlite: bool,
    everything: bool,
    pseudonyms: bool,
    token: bool,
    guarded: bool,
    batch: bool = False,
) -> Statement:
    """The statement of an answer. `guarded` asks with it whether the API key is valid still; `batch` answers many askers.

    A batch gives a row for each asker: his number, from 1 on, and his answer. Raises NotCompilable.
    """
    made = _Compiler(on_sqlite=on_sqlite, everything=everything, pseudonyms=pseudonyms, token=token, batch=batch)
    opened = of_name(root.source).open(made.asking)
    text = made.render.sql(made.object(root, opened, ()))
    if batch:
        many = bindparam(IDS, type_=String())
        if on_sqlite:
            askers = func.json_each(many).table_valued("key", "value", name=BATCH)
            statement = select_rows(askers.c.key + literal_column("1"), text).select_from(askers)
        else:
            askers = (
                func.json_array_elements(cast_sql(many, JSON()))
                .table_valued("ids", with_ordinality="number")
                .render_derived(name=BATCH)
            )
            statement = select_rows(askers.c.number, text).select_from(askers)
    else:
        statement = select_rows(text)
    if guarded:
        statement = statement.where(guard(made.asking))
    dialect: Any = sqlite.dialect if on_sqlite else postgresql.dialect
    compiled = statement.compile(dialect=dialect())
    constants = compiled.params
    parameters = []
    for name in cast("list[str]", compiled.positiontup or []):
        known = made.parameters.get(name)
        if name == IDS:
            known = Parameter(asker="ids")
        if known is None:
            bound = compiled.binds[name].type
            value = constants[name]
            decorated = isinstance(bound, UtcInstant | Uint256)
            known = Parameter(constant=bound.process_bind_param(value, compiled.dialect) if decorated else value)
        parameters.append(known)
    return Statement(str(compiled), tuple(parameters))
