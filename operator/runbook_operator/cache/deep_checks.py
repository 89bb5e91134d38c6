"""Which visits are to be close ones: what changed, and what was not looked at closely for long, is worth the requests.

A start looks closely at nothing that was told before: the first close looks are spread over their whole time.
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
"""Idle objects are looked at closely so often: a switch that would not work is found before somebody throws it."""
TROUBLED_LOOK = 10.0
"""As above for those that say that something is wrong: what heals by itself is to be seen before long."""


@dataclass(frozen=True)
class Look:
    """One look: whether it is to be a close one, what declares the object, and seconds until the next close one."""

    thorough: bool
    edition: Edition
    again: float


@dataclass
class Looks:
    """When each object was looked at closely last, and what declared it then."""

    monotonic: Callable[[], float] = clock.monotonic
    _last: dict[Ref, tuple[float, Edition]] = field(default_factory=dict)

    def at(self, seen: RunbookObject | SwitchObject, store: Store) -> Look:
        """The object is looked at now."""
        now, key, every, edition = self.monotonic(), seen.meta.ref, _every(seen), _edition(seen, store)
        first = (now - random.random() * every, edition)  # noqa: S311 # jitter, not a secret
        looked, before = self._last.setdefault(key, first)
        is_new = edition != before or seen.meta.generation != seen.status.observed_generation
        thorough = is_new or now >= looked + every
        if thorough:
            looked, _ = self._last[key] = (now, edition)
        return Look(thorough, edition, looked + every - now)

    def again(self, seen: RunbookObject | SwitchObject) -> float:
        """Seconds until the next close look at an object that this visit has reported on: it may not be Ready now."""
        return self._last[seen.meta.ref][0] + _every(seen) - self.monotonic()

    def forget(self, key: Ref) -> None:
        """The object is gone."""
        self._last.pop(key, None)


def _every(seen: RunbookObject | SwitchObject) -> float:
    ready = find(seen.status.conditions, "Ready")
    return TROUBLED_LOOK if ready and ready.status == "False" else CLOSE_LOOK


def _edition(seen: RunbookObject | SwitchObject, store: Store) -> Edition:
    runbook = store.runbook_of(seen) if isinstance(seen, SwitchObject) else seen
    return (runbook.meta.ref, runbook.meta.generation) if runbook else ()
