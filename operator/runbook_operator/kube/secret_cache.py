"""Keys of Secrets, read when they are needed and kept for a minute: no check costs the API server a request.

They are not watched: who may watch Secrets may read all of them at once. Nothing here is ever logged or printed.
"""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, field

from runbook_operator.api.rbac_generation import SECRETS
from runbook_operator.core.check_not_performed import UnaskedError
from runbook_operator.core.monitors import Kept
from runbook_operator.core.reasons import Reason
from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from runbook_operator.kube.discovery import path_of
from runbook_operator.kube.read_errors import unread
from runbook_operator.reconcile.acting_identity import UNNAMED
from runbook_operator.runtime import clock

SECONDS = 60.0
DOUBTED_SECONDS = 10.0
"""After an answer that may come of an old value, and after a value that was not there, it is read again so soon."""
AT_ONCE = 8
"""Reads under way, which share the API server with those of a throw."""


@dataclass
class _Read:
    """A read, under way or done; its task gives what was found, or says why nothing was."""

    at: float
    task: asyncio.Task[bytes | UnaskedError] = field(repr=False)
    good_for: float = SECONDS


@dataclass
class Secrets:
    """Values by key. Make it inside the event loop."""

    kube: Kube
    monotonic: Callable[[], float] = clock.monotonic
    requires_account: bool = False
    """Whether nothing is read for a Runbook that names no service account."""
    _reads: dict[Kept, _Read] = field(default_factory=dict, repr=False)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE), repr=False)

    async def value(self, kept: Kept) -> bytes:
        """What the Secret holds there; raises UnaskedError."""
        read = self._reads.get(kept)
        if read is None or self.monotonic() >= read.at + read.good_for:
            self._reads.pop(kept, None)
            self._forget_old()
            read = self._reads[kept] = _Read(self.monotonic(), asyncio.create_task(self._found(kept)))
        found = await asyncio.shield(read.task)
        if isinstance(found, UnaskedError):
            read.good_for = DOUBTED_SECONDS
            raise UnaskedError(found.reason, str(found))
        return found

    def doubt(self, kept: Kept) -> None:
        """It may have changed since it was read, as an answer says: it is not kept for as long as usual."""
        if read := self._reads.get(kept):
            read.good_for = DOUBTED_SECONDS

    def _forget_old(self) -> None:
        """The oldest are first; who still needs one of them has read it again by now."""
        now = self.monotonic()
        while self._reads and next(iter(self._reads.values())).at + SECONDS <= now:
            del self._reads[next(iter(self._reads))]

    async def _found(self, kept: Kept) -> bytes | UnaskedError:
        if self.requires_account and kept.account is None:
            return UnaskedError(Reason.NO_ACCOUNT, UNNAMED)
        try:
            async with self._turns:
                body = await self.kube.as_(kept.account).get(path_of(kept.secret, "secrets"))
        except errors.NotFoundError:
            return UnaskedError("SecretNotFound", f"{kept.secret} does not exist in namespace {kept.secret.namespace}")
        except errors.ApiError as error:
            return unread(error, "" if kept.account else SECRETS)
        value = (body.get("data") or {}).get(kept.key)
        if value is None:
            return UnaskedError("SecretKeyNotFound", f"{kept.secret} has no key {kept.key}")
        return base64.b64decode(value)
