"""Measure the latency of throws: the time from the watch event to the first accepted write to a target."""

from collections.abc import Callable
from dataclasses import dataclass, field

from runbook_operator.api.parsing import SwitchObject
from runbook_operator.core.references import Ref
from runbook_operator.runtime import clock


@dataclass
class Throws:
    """The times of throws, in memory only: after a restart they are unknown and no latency is reported."""

    monotonic: Callable[[], float] = clock.monotonic
    _observed: dict[Ref, float] = field(default_factory=dict)
    _took: dict[Ref, float] = field(default_factory=dict)

    def note(self, before: SwitchObject | None, after: SwitchObject) -> bool:
        """Handle a watch event: remember the time of a throw; return True if the switch was thrown or released."""
        thrown = after.spec.engaged is True
        if before is None or thrown == (before.spec.engaged is True):
            return False
        self._took.pop(after.meta.ref, None)
        if thrown:
            self._observed[after.meta.ref] = self.monotonic()
        else:
            self._observed.pop(after.meta.ref, None)
        return True

    def acted(self, switch: Ref) -> float | None:
        """Note an accepted write; return the seconds from the throw's watch event to it, None without such an event."""
        if switch in self._observed:
            self._took[switch] = self.monotonic() - self._observed[switch]
        return self._took.get(switch)

    def milliseconds(self, switch: Ref) -> int | None:
        took = self._took.get(switch)
        return None if took is None else max(1, round(took * 1000))

    def forget(self, switch: Ref) -> None:
        """Forget a throw that is reported, or whose switch is deleted."""
        self._observed.pop(switch, None)
        self._took.pop(switch, None)
