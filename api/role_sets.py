"""Sets of roles, and fields with the set that may use them."""

from api.roles import SIGNED_IN, Role

Roles = frozenset[Role]

EVERYBODY: Roles = frozenset(Role)
ALL: Roles = frozenset(SIGNED_IN)
PEOPLE: Roles = frozenset({Role.MEMBER, Role.OPERATOR, Role.AUDITOR})
STAFF: Roles = frozenset({Role.OPERATOR, Role.AUDITOR})
OPERATORS: Roles = frozenset({Role.OPERATOR})
AUDITORS: Roles = frozenset({Role.AUDITOR})
MEMBERS: Roles = frozenset({Role.MEMBER})


def fields(type_name: str, roles: Roles, names: str) -> dict[str, Roles]:
    """`Type.field` for each of `names`, which stand apart by blanks."""
    return {f"{type_name}.{name}": roles for name in names.split()}


def connection(of: str, roles: Roles) -> dict[str, Roles]:
    """The fields of a page of `of`."""
    return fields(f"{of}Connection", roles, "nodes edges pageInfo") | fields(f"{of}Edge", roles, "cursor node")
