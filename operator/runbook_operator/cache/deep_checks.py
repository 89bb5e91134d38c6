"""Decide which visits are deep checks: the first after a change of the object or its Runbook, and one per interval.

After a start the first deep checks at unchanged objects are spread over one interval.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from runbook_operator.api.conditions import find
from runbook_operator.api.resource_kind import OwnObject
from runbook_operator.cache.store import Store
from runbook_operator.core.references import Ref
from runbook_operator.kube.list_cache import Edition
from runbook_operator.runtime import clock

DEEP_CHECK_SECONDS = 600.0
"""Seconds between deep checks at idle objects, which find a switch that would not work before it is thrown."""
TROUBLED_CHECK_SECONDS = 10.0
"""Seconds between deep checks at objects whose condition Ready is False, so that a recovery is reported soon."""


@dataclass(frozen=True)
class DeepCheck:
    """The plan of a visit: `thorough` for a deep check, `edition`, and in `again` the seconds until the next one."""

    thorough: bool
    edition: Edition
    again: float


@dataclass
class DeepChecks:
    """The time of each object's last deep check, and the Runbook's generation at that time."""

    monotonic: Callable[[], float] = clock.monotonic
    _last: dict[Ref, tuple[float, Edition]] = field(default_factory=dict)

    def at(self, observed: OwnObject, store: Store) -> DeepCheck:
        """Plan the visit of the object that begins now."""
        now, key, every, edition = self.monotonic(), observed.meta.ref, _every(observed), _edition(observed, store)
        first = (now - random.random() * every, edition)  # noqa: S311 # jitter, not a secret
        looked, before = self._last.setdefault(key, first)
        is_new = edition != before or observed.meta.generation != observed.status.observed_generation
        thorough = is_new or now >= looked + every
        if thorough:
            looked, _ = self._last[key] = (now, edition)
        return DeepCheck(thorough, edition, looked + every - now)

    def again(self, observed: OwnObject) -> float:
        """Return the seconds until the next deep check, after a visit that may have changed the condition Ready."""
        return self._last[observed.meta.ref][0] + _every(observed) - self.monotonic()

    def forget(self, key: Ref) -> None:
        """Forget a deleted object."""
        self._last.pop(key, None)


def _every(observed: OwnObject) -> float:
    ready = find(observed.status.conditions, "Ready")
    return TROUBLED_CHECK_SECONDS if ready and ready.status == "False" else DEEP_CHECK_SECONDS


def _edition(observed: OwnObject, store: Store) -> Edition:
    runbook = store.declaring(observed)
    return (runbook.meta.ref, runbook.meta.generation) if runbook else ()
