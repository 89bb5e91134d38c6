"""Decide which visits are close looks: those of changed objects, and those whose last close look is long ago.

After a start the first close looks at unchanged objects are spread over a whole interval.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from runbook_operator.api.conditions import find
from runbook_operator.api.parsing import RunbookObject, SwitchObject
from runbook_operator.cache.store import Store
from runbook_operator.core.references import Ref
from runbook_operator.kube.list_cache import Edition
from runbook_operator.runtime import clock

CLOSE_LOOK = 600.0
"""Seconds between close looks at idle objects: they find a switch that would not work before it is thrown."""
TROUBLED_LOOK = 10.0
"""Seconds between close looks at objects whose condition Ready is False, so that a recovery is seen soon."""


@dataclass(frozen=True)
class Look:
    """One visit: True if it is a close look, the Runbook's generation, and the seconds until the next close look."""

    thorough: bool
    edition: Edition
    again: float


@dataclass
class Looks:
    """The time of each object's last close look, and the Runbook's generation at that time."""

    monotonic: Callable[[], float] = clock.monotonic
    _last: dict[Ref, tuple[float, Edition]] = field(default_factory=dict)

    def at(self, seen: RunbookObject | SwitchObject, store: Store) -> Look:
        """Plan the visit of the object that begins now."""
        now, key, every, edition = self.monotonic(), seen.meta.ref, _every(seen), _edition(seen, store)
        first = (now - random.random() * every, edition)  # noqa: S311 # jitter, not a secret
        looked, before = self._last.setdefault(key, first)
        is_new = edition != before or seen.meta.generation != seen.status.observed_generation
        thorough = is_new or now >= looked + every
        if thorough:
            looked, _ = self._last[key] = (now, edition)
        return Look(thorough, edition, looked + every - now)

    def again(self, seen: RunbookObject | SwitchObject) -> float:
        """Return the seconds until the next close look, after a visit that may have changed the condition Ready."""
        return self._last[seen.meta.ref][0] + _every(seen) - self.monotonic()

    def forget(self, key: Ref) -> None:
        """Forget a deleted object."""
        self._last.pop(key, None)


def _every(seen: RunbookObject | SwitchObject) -> float:
    ready = find(seen.status.conditions, "Ready")
    return TROUBLED_LOOK if ready and ready.status == "False" else CLOSE_LOOK


def _edition(seen: RunbookObject | SwitchObject, store: Store) -> Edition:
    runbook = store.runbook_of(seen) if isinstance(seen, SwitchObject) else seen
    return (runbook.meta.ref, runbook.meta.generation) if runbook else ()
