"""The viewer, API keys and the audit log."""

from datetime import datetime

import strawberry

from api.graph.identities import Identity, load_identity
from api.graph.projection import Info
from api.plans.lives import lives_in
from api.scalars import Counter


@lives_in("viewer")
@strawberry.type(name="Viewer")
class ViewerType:
    """Who asks."""

    role: str
    label: str
    identity_id: strawberry.Private[str | None]

    @strawberry.field
    async def identity(self, info: Info) -> Identity | None:
        return await load_identity(info, self.identity_id)


@lives_in("api_key")
@strawberry.type
class ApiKey:
    """A key without its secret, which nobody can read again."""

    id: strawberry.ID
    role: str
    label: str
    created_at: datetime
    revoked_at: datetime | None
    identity_id: strawberry.Private[str | None]

    @strawberry.field
    async def identity(self, info: Info) -> Identity | None:
        return await load_identity(info, self.identity_id)


@lives_in("audit_entry")
@strawberry.type
class AuditEntry:
    """Who did what, when and why."""

    id: Counter
    actor: str
    command: str
    subject: str
    reason: str
    recorded_at: datetime
