"""Track the switches whose throw may have written targets without a stored record.

An earlier leader may have made such writes, or this one before the API server stored the record.
"""

from dataclasses import dataclass, field, replace

from runbook_operator.api.parsing import SwitchObject
from runbook_operator.core.references import Ref
from runbook_operator.core.sharding import ObjectFilter


@dataclass
class UnconfirmedThrows:
    """The switches of which this leader knows all writes, and those with writes that may not be recorded yet."""

    _rested: set[Ref] = field(default_factory=set)
    """Switches that this leader has read while no throw was unrecorded: it makes every later write for them."""
    _released: set[Ref] = field(default_factory=set)
    """Switches that this leader has visited without an engagement: it makes every write of the next one."""
    _early_writes: set[Ref] = field(default_factory=set)
    """Switches whose targets this leader may have written, with a record that the API server may not have yet."""

    def may_have_acted(self, switch: Ref) -> bool:
        """True if there may be writes to targets for the switch that its status does not record."""
        return switch in self._early_writes or switch not in self._rested

    def visited(self, switch: Ref) -> None:
        """Note that a visit has found the switch without an engagement."""
        self._released.add(switch)

    def knows_all_writes(self, switch: Ref) -> bool:
        """True if this leader made every write of the switch's engagement."""
        return switch in self._released

    def note_early_write(self, switch: Ref) -> None:
        """Note that targets are about to be written before the record is stored."""
        self._early_writes.add(switch)

    def read(self, switch: SwitchObject) -> None:
        """Note that this leader has read or written the switch in this state."""
        if switch.stored_status is None and not switch.maybe_thrown:
            self._rested.add(switch.meta.ref)

    def note_stored(self, switch: SwitchObject) -> None:
        """Note that the API server has the switch in this state."""
        if switch.stored_status is None and not switch.maybe_thrown:
            self._early_writes.discard(switch.meta.ref)

    def forget(self, switch: Ref) -> None:
        """Forget a deleted switch."""
        self._rested.discard(switch)
        self._released.discard(switch)
        self._early_writes.discard(switch)

    def clear(self, only: ObjectFilter) -> None:
        """Forget the switches that this replica begins to lead: another replica may have led them in between."""
        self._rested = {ref for ref in self._rested if not only(ref)}
        self._released = {ref for ref in self._released if not only(ref)}


def with_deferred_status(old: SwitchObject | None, new: SwitchObject) -> SwitchObject:
    """Return `new` with the deferred status of `old`, as long as the API server has the status from before it.

    A throw writes targets before its record. If it is released or expires in between, only the deferred status has who
    threw the switch and why.
    """
    if old is None or old.stored_status is None or (old.meta.uid, old.stored_status) != (new.meta.uid, new.status):
        return new
    return replace(new, status=old.status, stored_status=new.status)
