"""Of which switches a throw may have acted without this leader: before it led, or where it has lost what it knew."""

from dataclasses import dataclass, field, replace

from runbook_operator.api.parsing import SwitchObject
from runbook_operator.core.references import Ref
from runbook_operator.core.sharding import Whose


@dataclass
class Doubts:
    """What one leader has seen at rest itself is thrown under its eyes from then on."""

    _rested: set[Ref] = field(default_factory=set)
    _seen_released: set[Ref] = field(default_factory=set)
    """Those that this leader has visited without an engagement: it knows of every write of the next one."""
    _foreseen: set[Ref] = field(default_factory=set)
    """Those that may have acted here, with a record that the API server may not have yet."""

    def may_have_acted(self, switch: Ref) -> bool:
        """Whether something may have been written for it that its status does not say."""
        return switch in self._foreseen or switch not in self._rested

    def visited(self, switch: Ref) -> None:
        """A visit has found it without an engagement."""
        self._seen_released.add(switch)

    def witnessed(self, switch: Ref) -> bool:
        """True if every write of its engagement was made here."""
        return switch in self._seen_released

    def foresee(self, switch: Ref) -> None:
        """It is about to act, and its record comes later."""
        self._foreseen.add(switch)

    def read(self, switch: SwitchObject) -> None:
        """This leader has read or written it like this."""
        if switch.told is None and not switch.is_in_doubt:
            self._rested.add(switch.meta.ref)

    def told(self, switch: SwitchObject) -> None:
        """The API server has it like this."""
        if switch.told is None and not switch.is_in_doubt:
            self._foreseen.discard(switch.meta.ref)

    def forget(self, switch: Ref) -> None:
        """It is gone."""
        self._rested.discard(switch)
        self._seen_released.discard(switch)
        self._foreseen.discard(switch)

    def clear(self, whose: Whose) -> None:
        """Leading begins there: somebody else may have led in between."""
        self._rested = {ref for ref in self._rested if not whose(ref)}
        self._seen_released = {ref for ref in self._seen_released if not whose(ref)}


def as_foreseen(old: SwitchObject | None, new: SwitchObject) -> SwitchObject:
    """`new` with the status that is yet to be written, as long as the API server has the status of before.

    A throw acts before its record is written. Where it is released or expires in between, only this status says who
    threw the switch and why.
    """
    if old is None or old.told is None or (old.meta.uid, old.told) != (new.meta.uid, new.status):
        return new
    return replace(new, status=old.status, told=new.status)
