"""Find the reason why a target is down on purpose.

A bad reading is no evidence against a revision while the target is down on purpose: a switch keeps it at 0, blocks,
limits, suspends or flags it, or a person, a downscaler or an autoscaler has set its replicas to 0. A switch that is
engaging or being released counts as engaged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from runbook_operator.api.conditions import moment
from runbook_operator.api.parsing import SwitchObject
from runbook_operator.api.switch import Declared, FieldRecord, PreparedField
from runbook_operator.core.observed_object import REPLICAS, ObservedObject
from runbook_operator.core.rollout_progress import DAEMON_SET, KINDS, kind_of, rolling_out
from runbook_operator.core.target_kinds import TargetRefs
from runbook_operator.reconcile.snapshot import Claim, RunbookSnapshot

DOES = {
    "blockTraffic": "blocks the traffic of",
    "rateLimit": "limits the traffic of",
    "setFlag": "holds a flag of",
    "suspend": "suspends",
}
"""The actions that keep a target from working as usual for as long as they are engaged."""
TOTAL = frozenset({"blockTraffic"})
"""The actions under which the target does not answer at all."""


@dataclass(frozen=True)
class Excuse:
    """A reason why the target is down on purpose, as a sentence; `since` is None if the begin is not known.

    If it is `total`, the target does not answer at all. If not, a revision that came after it can still be compared
    with the one before.
    """

    text: str
    since: datetime | None = None
    total: bool = True
    at_zero: bool = False
    """True if the reason is that the workload has no pods."""

    def covers(self, at: datetime) -> bool:
        """True if this may be the cause of a level that became Critical at this time."""
        return self.since is None or at > self.since


def excuse(snapshot: RunbookSnapshot, target: TargetRefs, observed: ObservedObject, opened: datetime) -> Excuse | None:
    """Return the earliest excuse for a revision that came at `opened`, or None; an unknown begin counts as earliest."""
    found = (one for switch in snapshot.switches.values() for one in holding(switch, target))
    speaking = [one for one in found if one.total or (one.since and one.since >= opened)]
    if is_at_zero(observed) and not any(one.at_zero for one in speaking):
        speaking.append(Excuse(f"{observed.ref} is at 0 replicas"))
    return next((one for one in speaking if one.since is None), None) or min(speaking, key=_since, default=None)


def holding(switch: SwitchObject, target: TargetRefs) -> Iterator[Excuse]:
    """Yield the excuses that a switch gives: those in its record, or else those that its throw may have written."""
    record, namespace, name = switch.status.record, switch.meta.ref.namespace, f"switch {switch.meta.ref.name}"
    workload = target.workload
    if record is None:
        prepared = switch.status.prepared if switch.maybe_thrown else None
        zeros = (one.ref(namespace) for one in (prepared.fields if prepared else ()) if _is_zero(one))
        yield from (Excuse(f"{name} scales {ref} to 0", at_zero=True) for ref in zeros if ref == workload)
        return
    since, releasing = moment(record.engaged_at), switch.status.phase == "Releasing"
    begun = [one for one in (*record.actions, *record.dropped) if one.result != "Waiting"]
    held = (one.ref(namespace) for one in begun if _is_zero(one))
    yield from (Excuse(f"{name} holds {ref} at 0", since, at_zero=True) for ref in held if ref == workload)
    for step, one in enumerate(record.plan):
        is_begun = any(entry.step == step for entry in begun)
        if is_begun and one.action in DOES and _shares_target(one, target, namespace):
            yield Excuse(f"{name} {DOES[one.action]} target {target.name}", since, releasing or one.action in TOTAL)


def is_down(claim: Claim, target: TargetRefs, uid: str) -> bool:
    """True if the claim of another switch keeps the target, whose workload has this uid, from answering at all."""
    if (claim.uid, claim.field, claim.held) == (uid, REPLICAS, 0):
        return True
    return claim.action in TOTAL and not set(claim.about).isdisjoint(target.refs)


def is_at_zero(observed: ObservedObject) -> bool:
    """True if a workload should have no pod, for any reason; a DaemonSet has none if it selects no node."""
    if kind_of(observed) == DAEMON_SET:
        return rolling_out(observed).is_status_current and rolling_out(observed).desired == 0
    return kind_of(observed) in KINDS and observed.replicas == 0


def _is_zero(one: FieldRecord | PreparedField) -> bool:
    return one.field == REPLICAS and one.held == 0


def _shares_target(declared: Declared, target: TargetRefs, namespace: str) -> bool:
    """True if the action is on an object of the target, which another Runbook may declare under another name."""
    return not set(declared.target.refs(namespace).refs).isdisjoint(target.refs)


def _since(one: Excuse) -> datetime:
    assert one.since  # noqa: S101 # those without a time were taken first
    return one.since
