"""The short way of a request: parse, judge and plan once for a text, then one statement whose JSON is the answer."""

from collections.abc import Mapping
from typing import Any

import structlog
from graphql import GraphQLError, OperationType, parse

from api import limits
from api.asked import Asked
from api.auth import Viewer
from api.context import Context
from api.gate import Judge
from api.plans.operations import Operation, Plan, Plans, operation_of
from api.plans.recognising import asked_by_guard
from api.scalars import address_out
from api.schema import Schema
from community.store.plans.marks import finished
from community.store.plans.running import Asker, Runner
from community.store.plans.shapes import NotCompilable
from community.store.unit_of_work import StoreUnavailable
from community.store.views.keyset import CursorInvalid

_log = structlog.get_logger()


class Answering:
    """Answers what has a plan. Everything else is None: the standard way answers it, or says why not."""

    def __init__(
        self, schema: Schema, judge: Judge, runner: Runner, token: str | None, asked: Asked | None = None
    ) -> None:
        self._schema = schema._schema
        self._judge = judge
        self._runner = runner
        self._token = token
        self._asked = asked or Asked()
        self._plans = Plans(self._schema, on_sqlite=runner.sqlite, token=token is not None)

    async def answer(
        self, text: str, name: str | None, given: Mapping[str, Any] | None, viewer: Viewer, context: Context
    ) -> bytes | None:
        """The value of `data`, or None. Raises StoreUnavailable."""
        found = self._planned(text, name, given, viewer, context, OperationType.QUERY)
        return None if found is None else await self._run(*found, viewer, context)

    def planned_stream(
        self, text: str, name: str | None, given: Mapping[str, Any] | None, viewer: Viewer, context: Context
    ) -> tuple[Plan, dict[str, Any]] | None:
        """The plan of a stream that the viewer may open, and its variables; None where there is none.

        It asks for no key: the hub ends streams whose key has ended.
        """
        return self._planned(text, name, given, viewer, context, OperationType.SUBSCRIPTION)

    def give_up(self, plan: Plan) -> None:
        """Take the standard way instead of this plan from now on."""
        self._plans.give_up(plan)

    def _planned(
        self,
        text: str,
        name: str | None,
        given: Mapping[str, Any] | None,
        viewer: Viewer,
        context: Context,
        kind: OperationType,
    ) -> tuple[Plan, dict[str, Any]] | None:
        context.viewer = viewer
        if viewer.scope.disclosed:
            return None  # whom an auditor may know by name is decided name by name
        operation = self._permitted(text, name, given, context)
        if operation is None or operation.definition.operation is not kind:
            return None
        variables = operation.variables(self._schema, given)
        if variables is None:
            return None
        guarded = kind is OperationType.QUERY and asked_by_guard(viewer)
        plan = self._plans.plan(text, operation, variables, viewer.scope, guarded=guarded)
        declared = operation.definition.name
        self._asked.note(declared.value if declared else None, planned=plan is not None)
        return None if plan is None else (plan, variables)

    def _permitted(
        self, text: str, name: str | None, given: Mapping[str, Any] | None, context: Context
    ) -> Operation | None:
        known = self._judge.known(text)
        try:
            document = known.document if known is not None else parse(text, max_tokens=limits.TOKENS_MAX)
        except GraphQLError:
            return None
        if self._judge.judge(self._schema, text, document, given, context) is not None:
            return None
        return operation_of(document, name)

    async def _run(self, plan: Plan, variables: Mapping[str, Any], viewer: Viewer, context: Context) -> bytes | None:
        try:
            values = plan.values(variables)
            answer = await self._runner.run(
                plan.statement, values, asker_of(viewer, context, self._token), plan.rows_max
            )
        except (ValueError, CursorInvalid):
            return None  # an id or a cursor that is none of ours
        except NotCompilable:
            self._plans.give_up(plan)
            return None
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  whatever a plan stumbles over, there is another way to the answer
            _log.exception("plan_failed", reason=str(error))
            return None
        return None if answer is None else finished(answer, address_out)


def asker_of(viewer: Viewer, context: Context, token: str | None) -> Asker:
    """The viewer as a plan takes him."""
    return Asker(
        ids=viewer.scope.identity_ids,
        credential=viewer.credential,
        role=viewer.role.value,
        label=viewer.label,
        identity=viewer.identity_id,
        now=context.clock.now(),
        token=token,
    )
