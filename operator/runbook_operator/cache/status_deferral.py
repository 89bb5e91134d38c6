"""Defer status writes while many switches are thrown at once, so that all targets are written first.

The status and Events of a switch take several writes, which would delay the write to the next target.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from runbook_operator.core.references import Ref
from runbook_operator.runtime import clock

CALM = 0.1
"""A burst is over when no other switch was thrown or released for this many seconds."""
LONGEST = 2.0
"""A burst defers a status by at most this many seconds after the switch took effect."""


@dataclass
class StatusDeferral:
    """The switches whose targets were written and whose status was not written since."""

    monotonic: Callable[[], float] = clock.monotonic
    _acted: dict[Ref, tuple[float, int]] = field(default_factory=dict)
    """By switch, the time of the first write to a target since its last status, and the generation of the switch."""
    _moves: dict[Ref, float] = field(default_factory=dict)
    """The last two switches that were thrown or released, and when; the later one last."""

    def moved(self, switch: Ref) -> None:
        """Note that the switch was thrown or released."""
        self._moves.pop(switch, None)
        self._moves[switch] = self.monotonic()
        while len(self._moves) > 2:  # noqa: PLR2004 # at least one of two is not the switch that `waits` is about
            self._moves.pop(next(iter(self._moves)))

    def acted(self, switch: Ref, generation: int) -> None:
        """Note that a target was written for the switch."""
        self._acted.setdefault(switch, (self.monotonic(), generation))

    def note_written(self, switch: Ref) -> None:
        """Note that the status was written, or the switch is deleted."""
        self._acted.pop(switch, None)

    def waits(self, switch: Ref, generation: int, *, crowded: bool = False) -> bool:
        """True if the status is to be written later; never if the spec of the switch has changed since.

        `crowded` means that other urgent switches still wait for their effect.
        """
        now, (at, of) = self.monotonic(), self._acted.get(switch, (0.0, -1))
        if of != generation or now >= at + LONGEST:
            return False
        return crowded or any(now < moved + CALM for other, moved in self._moves.items() if other != switch)
