"""The schema, assembled from its slices. Its text stands beside this file as schema.graphql."""

from pathlib import Path

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from api.gate import Gate, Judge
from api.graph.identities import KINDS
from api.graph.mutations import Mutation
from api.graph.queries import Query
from api.graph.subscriptions import Subscription
from api.scalars import SCALARS
from api.words import describe

SCHEMA_FILE = Path(__file__).parent / "schema.graphql"


class Schema(strawberry.Schema):
    """Errors are logged by the gate, which masks them and knows their ids."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:  # noqa: ARG002
        return None


def build_schema(judge: Judge | None = None) -> Schema:
    """A schema with a gate; `judge` is what it remembers of operation texts, its own where none is given."""
    judge = judge or Judge()
    schema = Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=KINDS,
        extensions=[lambda: Gate(judge)],
        config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=True),
    )
    describe(schema._schema)
    return schema


def schema_text() -> str:
    """The schema as text, as it is committed."""
    return build_schema().as_str().rstrip() + "\n"
