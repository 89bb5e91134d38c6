"""Of many switches that are thrown at once each takes effect before any of them is told of.

What is told of a switch costs the API server several writes, for which the next target would wait.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from runbook_operator.core.references import Ref
from runbook_operator.runtime import clock

CALM = 0.1
"""A burst is over when nobody has moved another lever for so many seconds."""
LONGEST = 2.0
"""Nobody is told later than so many seconds after it took effect because of others."""


@dataclass
class Bursts:
    """What has been written to targets and not been told of yet."""

    monotonic: Callable[[], float] = clock.monotonic
    _acted: dict[Ref, tuple[float, int]] = field(default_factory=dict)
    """When a target was written first since the switch was told of, and for which generation of the switch."""
    _moves: dict[Ref, float] = field(default_factory=dict)
    """The last two switches whose levers moved, and when; the later one last."""

    def moved(self, switch: Ref) -> None:
        """Somebody moved its lever."""
        self._moves.pop(switch, None)
        self._moves[switch] = self.monotonic()
        while len(self._moves) > 2:  # noqa: PLR2004 # the last one, and one that is another than whoever asks
            self._moves.pop(next(iter(self._moves)))

    def acted(self, switch: Ref, generation: int) -> None:
        """A target was written for it."""
        self._acted.setdefault(switch, (self.monotonic(), generation))

    def told(self, switch: Ref) -> None:
        """It was told of, or is gone."""
        self._acted.pop(switch, None)

    def waits(self, switch: Ref, generation: int, *, crowded: bool = False) -> bool:
        """Whether what it has done is told later; never where somebody has spoken to it since.

        It is `crowded` where others that were moved are still to take effect, however long ago that was.
        """
        now, (at, of) = self.monotonic(), self._acted.get(switch, (0.0, -1))
        if of != generation or now >= at + LONGEST:
            return False
        return crowded or any(now < moved + CALM for other, moved in self._moves.items() if other != switch)
