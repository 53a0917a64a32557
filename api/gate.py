"""The gate before every operation: limits, validation and permissions on its text, then a snapshot of its own.

What is found out about a text is kept (bounded), so that a repeated operation costs two look-ups. Plans (api.plans) ask the
same `Judge`: they get documents that are valid and permitted.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    Visitor,
    validate,
    visit,
)
from strawberry.extensions import SchemaExtension

from api import limits, permissions
from api.context import Context
from api.errors import BAD_REQUEST, FORBIDDEN, SIGN_IN, UNAUTHENTICATED, Refused, shown
from api.roles import Role

KNOWN_MAX = 512
SIZES_MAX = 64


@dataclass(slots=True)
class Known:
    """What is known of one text. `sizes` is what became of it with those whole numbers among its variables: page sizes."""

    document: DocumentNode
    sizes: dict[tuple[tuple[str, int], ...], Refused | None] = field(default_factory=dict)
    invalid: GraphQLError | None = None
    validated: bool = False
    refused: dict[Role, Refused | None] = field(default_factory=dict)
    introspects: bool = False


class Texts:
    """Operations by their text, the least used forgotten first."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Known] = OrderedDict()

    def get(self, text: str) -> Known | None:
        found = self._known.get(text)
        if found is not None:
            self._known.move_to_end(text)
        return found

    def put(self, text: str, document: DocumentNode) -> Known:
        known = self._known[text] = Known(document)
        while len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return known


class _Introspection(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def enter_field(self, node: FieldNode, *_: object) -> None:
        self.found = self.found or node.name.value in ("__schema", "__type")


class Judge:
    """Says of texts whether they may be carried out. One for all operations."""

    def __init__(self) -> None:
        self._texts = Texts()

    def known(self, text: str) -> Known | None:
        """What is known of the text, if it came before."""
        return self._texts.get(text)

    def judge(
        self,
        schema: GraphQLSchema,
        text: str,
        document: DocumentNode,
        variables: Mapping[str, Any] | None,
        context: Context,
    ) -> GraphQLError | None:
        """Why the viewer may not carry out this operation; None if he may. The first reason found."""
        if context.viewer is None:
            return Refused(UNAUTHENTICATED, SIGN_IN)
        known = self._texts.get(text)
        if too_much := _too_much(known, document, variables or {}):
            return too_much
        known = known or self._texts.put(text, document)
        if not known.validated:
            errors = validate(schema, document, max_errors=1)
            known.invalid = errors[0] if errors else None
            introspection = _Introspection()
            visit(document, introspection)
            known.introspects, known.validated = introspection.found, True
        if known.invalid is not None:
            return known.invalid
        if known.introspects and not context.options.development:
            return Refused(FORBIDDEN, "The schema is not shown here. It is published as schema.graphql.")
        role = context.viewer.role
        if role not in known.refused:
            known.refused[role] = permissions.refusal(schema, document, role)
        return known.refused[role]


def _too_much(known: Known | None, document: DocumentNode, variables: Mapping[str, Any]) -> Refused | None:
    """Whether the operation asks for too much: found out once for each set of page sizes."""
    if known is None:
        return limits.check(document, variables)
    sizes = tuple((name, value) for name, value in variables.items() if isinstance(value, int))
    if sizes not in known.sizes:
        if len(known.sizes) >= SIZES_MAX:
            known.sizes.clear()
        known.sizes[sizes] = limits.check(document, variables)
    return known.sizes[sizes]


class Gate(SchemaExtension):
    """One per operation; the judge is shared by all."""

    def __init__(self, judge: Judge) -> None:
        self._judge_of_texts = judge
        self._unauthenticated = False

    async def on_operation(self) -> AsyncIterator[None]:
        """Give the operation its own context, so that messages of one WebSocket do not share a snapshot."""
        context: Context = self.execution_context.context.fork()
        self.execution_context.context = context
        if context.viewer is None or not await context.authenticator.still_valid(context.viewer):
            self._unauthenticated = True
        try:
            yield
        finally:
            await context.snapshot.close()
            result = self.execution_context.result
            if result is not None and getattr(result, "errors", None):
                result.errors = [shown(error) for error in result.errors or ()]

    def on_parse(self) -> Iterator[None]:
        execution = self.execution_context
        execution.parse_options["max_tokens"] = limits.TOKENS_MAX
        known = self._judge_of_texts.known(execution.query or "")
        if known is not None:
            execution.graphql_document = known.document
        yield

    def on_validate(self) -> Iterator[None]:
        error = self._judge()
        if error is not None:
            self.execution_context.pre_execution_errors = [error]
        else:
            # Validated here, once per text: nothing is left for the executor's own validation.
            self.execution_context.validation_rules = ()
        yield

    async def on_stream_result(self, result: Any) -> AsyncIterator[None]:
        """Mask a stream's errors, and let go of the snapshot before the next event."""
        if getattr(result, "errors", None):
            result.errors = [shown(error) for error in result.errors]
        await self.execution_context.context.refresh()
        yield

    def _judge(self) -> GraphQLError | None:
        execution = self.execution_context
        context: Context = execution.context
        document = execution.graphql_document
        if self._unauthenticated or context.viewer is None:
            return Refused(UNAUTHENTICATED, SIGN_IN)
        if document is None:
            return None
        if execution._provided_operation_name is None:
            count = sum(isinstance(each, OperationDefinitionNode) for each in document.definitions)
            if count > 1:
                return Refused(BAD_REQUEST, f"There are {count} operations: operationName says which to carry out.")
        schema: GraphQLSchema = execution.schema._schema
        return self._judge_of_texts.judge(schema, execution.query or "", document, execution.variables, context)
