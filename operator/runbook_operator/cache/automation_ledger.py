"""Which Runbooks act by themselves, and how often they began to: as Switches tell, and as is about to be written."""

from dataclasses import dataclass, field
from datetime import datetime

from runbook_operator.api.conditions import moment
from runbook_operator.api.parsing import SwitchObject
from runbook_operator.core.references import Ref
from runbook_operator.core.sharding import Whose
from runbook_operator.reconcile.snapshot import BUDGETED, Acts


@dataclass(frozen=True)
class Known:
    """What one Switch does by itself: whether it is engaged now, and when such engagements of it began."""

    runbook: Ref
    acting: bool
    began: tuple[datetime, ...]


@dataclass
class Acting:
    """Kept as statuses come in, since decisions about one Switch ask about those of the whole cluster.

    A reservation is an engagement that was decided on and is not in any status yet.
    """

    _known: dict[Ref, Known] = field(default_factory=dict)
    _reserved: dict[Ref, Known] = field(default_factory=dict)

    def note(self, switch: SwitchObject) -> None:
        """Keep what a Switch's status says; an engagement in it is no longer one that is only decided on."""
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
        """The Switch is gone."""
        self._known.pop(switch, None)
        self.free(switch)

    def reserve(self, switch: SwitchObject, now: datetime) -> None:
        """An automatic engagement of the Switch begins now."""
        self._reserved[switch.meta.ref] = Known(switch.runbook, acting=True, began=(now,))

    def free(self, switch: Ref) -> None:
        """The engagement is noted, or does not begin."""
        self._reserved.pop(switch, None)

    def leave(self, whose: Whose) -> None:
        """Somebody else decides about these from now on; what is decided is in their statuses, or does not begin."""
        for switch in [*filter(whose, self._reserved)]:
            self.free(switch)

    def acts(self, switch: SwitchObject, now: datetime) -> Acts:
        """What a decision about the Switch is to know; its own reservation is the very thing that is decided."""
        self._drop_what_is_over(now)
        own, runbook = switch.meta.ref, switch.runbook
        every = (*self._known.values(), *(one for ref, one in self._reserved.items() if ref != own))
        lately = sorted((time, one.runbook) for one in every for time in one.began if now - time < BUDGETED)
        return Acts(
            frozenset(one.runbook for one in every if one.acting),
            tuple(time for time, whose in lately if whose == runbook),
            tuple(time for time, _ in lately),
        )

    def _drop_what_is_over(self, now: datetime) -> None:
        """What began more than an hour ago and has ended counts nowhere any more."""
        over = [ref for ref, one in self._known.items() if not one.acting and now - max(one.began) >= BUDGETED]
        for ref in over:
            del self._known[ref]
