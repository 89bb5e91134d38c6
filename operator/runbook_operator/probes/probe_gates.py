"""Gates that delay or prevent setting a container's probe.

Setting a probe replaces every pod. Restoring one skips most gates, because the probe that was set may be the cause.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from runbook_operator.api.conditions import timestamp
from runbook_operator.api.probe_status import HeldProbeField, ProbeStatus
from runbook_operator.core import field_values
from runbook_operator.core.desired_fields import TEMPLATE
from runbook_operator.core.field_manager_advice import author
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.probe_fields import describe_change
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.rollout_progress import KINDS, is_updating, kind_of, rolling_out
from runbook_operator.core.write_failures import Failed
from runbook_operator.holds import contests, write_gates
from runbook_operator.holds.claims import holding
from runbook_operator.permissions import enabled_actions
from runbook_operator.probes.desired_probe import ContainerProbe
from runbook_operator.probes.probe_writes import is_rolled_back
from runbook_operator.reconcile.automation_pauses import Gate, suspension
from runbook_operator.reconcile.contest_backoff import Backoff
from runbook_operator.reconcile.snapshot import RunbookSnapshot
from runbook_operator.switches import gitops_suspension

PATIENCE = Backoff(timedelta(minutes=1), timedelta(hours=1), timedelta(hours=6))
"""The back-off after another writer changed the probe. It is long, since each correction replaces every pod."""
ADVICE = "change it at its source, or set enforce: false"
ROLLED_OUT = "NewReplicaSetAvailable"
"""The reason of a Deployment's condition Progressing after a rollout has ended, whatever happened to its pods since."""


@dataclass(frozen=True)
class Case:
    """A probe that is about to be set, and its status entry."""

    snapshot: RunbookSnapshot
    place: ContainerProbe
    entry: ProbeStatus

    @property
    def observed(self) -> ObservedObject:
        return self.place.observed


def closed(snapshot: RunbookSnapshot, place: ContainerProbe, entry: ProbeStatus) -> Gate | None:
    """Return the first gate that keeps the probe from being set now, None if all are open."""
    return write_gates.first_closed(GATES, Case(snapshot, place, entry))


def holder(snapshot: RunbookSnapshot, observed: ObservedObject) -> Gate | None:
    """Return the gate of a switch that holds the workload's template or a field inside it, None for none."""
    for name, switch in snapshot.switches.items():
        for _, one in holding(switch.status.record):
            if one.uid == observed.uid and f"{one.field}.".startswith(f"{TEMPLATE}."):
                text = (
                    f"it waits until Switch {name} is released, which holds a field in the pod template "
                    f"of {observed.ref}"
                )
                return Gate(Reason.PROBE_PENDING, text)
    return None


def failure(snapshot: RunbookSnapshot, ref: Ref) -> Failed | None:
    """Return the failure of writes to the workload, or to the Runbook, which is written first; None for none."""
    refs = (snapshot.runbook.meta.ref, ref)
    return next(
        (one.failed for (about, _), one in snapshot.write_histories.items() if about in refs and one.failed), None
    )


def failing(snapshot: RunbookSnapshot, ref: Ref) -> Gate | None:
    """Return the gate that is closed while the back-off after a failed write lasts."""
    found = failure(snapshot, ref)
    return Gate(found.reason, found.message, found.due) if found and snapshot.now < found.due else None


def is_fought(snapshot: RunbookSnapshot, observed: ObservedObject, entry: ProbeStatus) -> bool:
    """True if another writer has changed the fields that were set; a rollback by the operator does not count."""
    return (
        not entry.pending
        and bool(changed(observed, entry.held))
        and not is_rolled_back(snapshot, observed, entry.set_at)
    )


def changed(observed: ObservedObject, held: Sequence[HeldProbeField]) -> list[HeldProbeField]:
    """Return the fields that do not show the values that were set."""
    return [one for one in held if not field_values.shows(observed, one.field, one.held)]


def changes(observed: ObservedObject, held: Sequence[HeldProbeField]) -> str:
    """Describe each changed field: its author, and its values before and after the change."""
    return "; ".join(
        f"{author(observed.manager(one.field), one.field)} changed "
        f"{describe_change(one.field, one.held, field_values.live(observed, one.field))}"
        for one in changed(observed, held)
    )


def generation(observed: ObservedObject) -> int:
    return int(observed.body["metadata"].get("generation", 0))


def _observing(case: Case) -> Gate | None:
    spec = case.snapshot.runbook.spec
    if spec is None or spec.mode != "Observe":
        return None
    text = "mode is Observe: the operator set nothing. In mode Enforce it would set the probe as declared"
    return Gate(Reason.OBSERVING, text)


def _without_rights(case: Case) -> Gate | None:
    found = write_gates.unnamed(case.snapshot) or enabled_actions.of_probes(case.snapshot)
    return Gate(*found) if found else None


def _suspended(case: Case) -> Gate | None:
    gate = suspension(case.snapshot.runbook, case.snapshot.now)
    return Gate(gate.reason, f"{gate.message}; the probe is set when that ends", gate.until) if gate else None


def _unrollable(case: Case) -> Gate | None:
    if kind_of(case.observed) in KINDS:
        return None
    names, ref = ", ".join(kind for _, kind in KINDS), case.observed.ref
    text = f"{ref}: the operator cannot see if the pods of a {ref.kind} are being replaced; target one of {names}"
    return Gate(Reason.NOT_RESTARTABLE, text)


def _foreign(case: Case) -> Gate | None:
    """Refuse a workload that a GitOps tool applies: it would revert the probe, and each change replaces every pod."""
    labels = case.observed.body["metadata"].get("labels") or {}
    owner = "Flux" if any(label in labels for label, _ in gitops_suspension.HOLDS) else ""
    if app := gitops_suspension.application(case.observed):
        owner = f"the Argo CD Application {app}"
    if not owner:
        return None
    text = f"{case.observed.ref} is applied from Git by {owner}, which would undo the change; set the probe in Git"
    return Gate(Reason.GITOPS, text)


def _rolling(case: Case) -> Gate | None:
    """Wait for a rollout, except for that of the probe itself: it may never end until the probe is corrected."""
    observed, own = case.observed, case.entry.set_generation
    if (own and own == generation(observed)) or not _is_rolling(observed):
        return None
    return Gate(Reason.PROBE_PENDING, f"it is set when the rollout of {observed.ref} ends")


def _is_rolling(observed: ObservedObject) -> bool:
    """True if pods are being replaced; pods that became unavailable after a rollout do not count."""
    far = rolling_out(observed)
    if far.overdue:
        return False
    if not far.is_status_current or is_updating(observed) or far.updated < far.desired - far.kept or far.old > far.kept:
        return True
    conditions = (observed.body.get("status") or {}).get("conditions") or ()
    begun = any(one.get("type") == "Progressing" and one.get("reason") != ROLLED_OUT for one in conditions)
    return begun and far.available < far.desired


def _fought(case: Case) -> Gate | None:
    due = _set_again_at(case.entry)
    if due is None or case.snapshot.now >= due or not is_fought(case.snapshot, case.observed, case.entry):
        return None
    field = changed(case.observed, case.entry.held)[0].field
    text = (
        f"{author(case.observed.manager(field), field)} has changed the enforced probe. The operator sets it again at "
        f"{timestamp(due)}, and later each time: {ADVICE}"
    )
    return Gate(Reason.PROBE_PENDING, text, due)


def _set_again_at(entry: ProbeStatus) -> datetime | None:
    """Return when a changed probe may be set again, None if none was set."""
    if entry.set_at is None:
        return None
    return contests.corrected_at(entry.set_at, entry.times, PATIENCE, f"{entry.uid}.{entry.container}.{entry.probe}")


GATES: tuple[Callable[[Case], Gate | None], ...] = (
    _observing,
    _without_rights,
    _suspended,
    _unrollable,
    _foreign,
    lambda case: failing(case.snapshot, case.observed.ref),
    lambda case: holder(case.snapshot, case.observed),
    _rolling,
    _fought,
)
