"""Count the automatic engagements of Runbooks: those in the status of Switches, and those about to be written."""

from dataclasses import dataclass, field
from datetime import datetime

from runbook_operator.api.conditions import moment
from runbook_operator.api.parsing import SwitchObject
from runbook_operator.core.references import Ref
from runbook_operator.core.sharding import ObjectFilter
from runbook_operator.reconcile.snapshot import BUDGETED, AutomaticEngagements


@dataclass(frozen=True)
class Known:
    """The automatic engagements of one Switch: `engaged` if one is active now, and when each began."""

    runbook: Ref
    engaged: bool
    began: tuple[datetime, ...]


@dataclass
class AutomationLedger:
    """The automatic engagements in the whole cluster, on which gates depend; updated with each status of a Switch.

    A reservation is an engagement that was decided and is not in a status yet.
    """

    _known: dict[Ref, Known] = field(default_factory=dict)
    _reserved: dict[Ref, Known] = field(default_factory=dict)

    def note(self, switch: SwitchObject) -> None:
        """Record the engagements in a Switch's status; a record in it replaces the reservation."""
        ref, record = switch.meta.ref, switch.status.record
        every = (*([record] if record else ()), *switch.status.history)
        if began := tuple(moment(one.engaged_at) for one in every if one.source != "Person"):
            acting = record is not None and record.source != "Person"
            self._known[ref] = Known(switch.runbook, acting, began)
        else:
            self._known.pop(ref, None)
        if record is not None:
            self.free(ref)

    def forget(self, switch: Ref) -> None:
        """Forget a deleted Switch."""
        self._known.pop(switch, None)
        self.free(switch)

    def reserve(self, switch: SwitchObject, now: datetime) -> None:
        """Reserve an automatic engagement of the Switch that begins now."""
        self._reserved[switch.meta.ref] = Known(switch.runbook, engaged=True, began=(now,))

    def free(self, switch: Ref) -> None:
        """Drop the reservation: the engagement is recorded, or does not begin."""
        self._reserved.pop(switch, None)

    def leave(self, only: ObjectFilter) -> None:
        """Drop the reservations of Switches that this replica no longer leads: they are in a status or do not begin."""
        for switch in [*filter(only, self._reserved)]:
            self.free(switch)

    def acts(self, switch: SwitchObject, now: datetime) -> AutomaticEngagements:
        """Return the engagements that the gates of this Switch count; its own reservation is left out."""
        self._drop_what_is_over(now)
        own, runbook = switch.meta.ref, switch.runbook
        every = (*self._known.values(), *(one for ref, one in self._reserved.items() if ref != own))
        lately = sorted((time, one.runbook) for one in every for time in one.began if now - time < BUDGETED)
        return AutomaticEngagements(
            frozenset(one.runbook for one in every if one.engaged),
            tuple(time for time, only in lately if only == runbook),
            tuple(time for time, _ in lately),
        )

    def _drop_what_is_over(self, now: datetime) -> None:
        """Drop engagements that have ended and began before the budget's hour."""
        over = [ref for ref, one in self._known.items() if not one.engaged and now - max(one.began) >= BUDGETED]
        for ref in over:
            del self._known[ref]
