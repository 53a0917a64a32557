"""Lists as GraphQL connections: `nodes` for those who read, `edges` with cursors for those who page."""

from collections.abc import Callable
from typing import Generic, TypeVar

import strawberry

from api.scalars import Cursor
from community.store.views.keyset import Page

T = TypeVar("T")
V = TypeVar("V")


@strawberry.type
class PageInfo:
    """Whether more follows, and the cursor to go on from."""

    has_next_page: bool
    end_cursor: Cursor | None


@strawberry.type
class Edge(Generic[T]):
    cursor: Cursor
    node: T


@strawberry.type
class Connection(Generic[T]):
    """One page of a list."""

    nodes: list[T]
    edges: list[Edge[T]]
    page_info: PageInfo


def connection(page: Page[V], make: Callable[[V], T]) -> Connection[T]:
    """The connection of a page whose values `make` turns into GraphQL objects."""
    nodes = [make(item) for item in page.items]
    edges = [Edge(cursor=Cursor(cursor), node=node) for cursor, node in zip(page.cursors, nodes, strict=True)]
    end = Cursor(page.cursors[-1]) if page.cursors else None
    return Connection(nodes=nodes, edges=edges, page_info=PageInfo(has_next_page=page.more, end_cursor=end))
