"""Who asks, remembered: the viewer of a credential for the next request that brings it.

Of an API key nothing is believed longer than it lasts: a plan asks in its own statement whether the key is valid still
(community.store.plans.viewers.guard). Of a sign-in it is asked anew each second, and the end of one that is announced is
heard at once.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from api.auth import Authenticator, Viewer

VIEWERS_MAX = 10_000
BELIEVED_S = 1.0


@dataclass(slots=True)
class _Remembered:
    viewer: Viewer
    asked_s: float


class Recognised:
    """Viewers by a digest of their credential; the least used is forgotten first."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        self._clock = authenticator.clock
        self._kept: OrderedDict[bytes, _Remembered] = OrderedDict()

    async def viewer_of(self, text: str, *, guarded: bool) -> Viewer | None:
        """The viewer of this credential. `guarded` says that the guard of a plan will be asked about it.

        Raises NotBound, as the authenticator does.
        """
        digest, now_s = hashlib.sha256(text.encode()).digest(), self._clock.now().timestamp()
        kept = self._kept.get(digest)
        if kept is not None and ((guarded and asked_by_guard(kept.viewer)) or await self._still(kept, now_s)):
            self._kept.move_to_end(digest)
            return kept.viewer
        viewer = await self._authenticator.viewer_of(text)
        if viewer is None or viewer.scope.pseudonyms:  # whom an auditor may know by name changes from hour to hour
            self._kept.pop(digest, None)
            return viewer
        self._kept[digest] = _Remembered(viewer, now_s)
        while len(self._kept) > VIEWERS_MAX:
            self._kept.popitem(last=False)
        return viewer

    def forget(self, text: str) -> None:
        """Ask again who this is: the plan's own guard did not know him."""
        self._kept.pop(hashlib.sha256(text.encode()).digest(), None)

    def ended(self, credentials: set[str]) -> None:
        """Forget viewers whose credential has ended."""
        if credentials:
            for digest in [each for each, kept in self._kept.items() if kept.viewer.credential in credentials]:
                del self._kept[digest]

    async def _still(self, kept: _Remembered, now_s: float) -> bool:
        if 0 <= now_s - kept.asked_s < BELIEVED_S and not _over(kept.viewer, now_s):
            return True
        if not await self._authenticator.still_valid(kept.viewer):
            return False
        kept.asked_s = now_s
        return True


def asked_by_guard(viewer: Viewer) -> bool:
    """Whether the guard of a plan can tell that this viewer's credential is valid: that of an API key."""
    return viewer.expires_at is None and viewer.credential.startswith("key_")


def _over(viewer: Viewer, now_s: float) -> bool:
    return viewer.expires_at is not None and viewer.expires_at.timestamp() <= now_s
