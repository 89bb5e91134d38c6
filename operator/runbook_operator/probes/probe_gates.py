"""Gates that delay or prevent setting a container's probe.

Setting a probe replaces every pod. Restoring one skips most gates, because the probe that was set may be the cause.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.probe_status import HeldProbeField, ProbeStatus
from runbook_operator.core.desired_fields import TEMPLATE, Refused
from runbook_operator.core.field_manager_advice import author
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.probe_fields import shows
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.rollout_progress import KINDS, is_updating, kind_of, rolling_out
from runbook_operator.core.write_failures import Failed
from runbook_operator.permissions import enabled_actions
from runbook_operator.probes.desired_probe import ContainerProbe
from runbook_operator.reconcile.acting_identity import UNNAMED
from runbook_operator.reconcile.contest_backoff import Backoff
from runbook_operator.reconcile.snapshot import RunbookSnapshot, suspended
from runbook_operator.switches import gitops_suspension

PATIENCE = Backoff(timedelta(minutes=1), timedelta(hours=1), timedelta(hours=6))
"""The back-off after another writer changed the probe: a long one, since each correction replaces every pod."""
ROLLED_OUT = "NewReplicaSetAvailable"
"""The reason of a Deployment's condition Progressing after a rollout has ended, whatever happened to its pods since."""


def hindrance(snapshot: RunbookSnapshot, place: ContainerProbe, old: ProbeStatus) -> Refused | None:
    """Return why the probe cannot be set now, or None."""
    return next((found for gate in GATES if (found := gate(snapshot, place, old))), None)


def holder(snapshot: RunbookSnapshot, observed: ObservedObject) -> Refused | None:
    """Return the refusal if a switch holds the workload's template or a field inside it, else None."""
    for name, switch in snapshot.switches.items():
        record = switch.status.record
        for one in (*record.actions, *record.dropped) if record else ():
            inside = one.field == TEMPLATE or one.field.startswith(f"{TEMPLATE}.")
            if one.uid == observed.uid and inside and one.mode != "Once":
                text = (
                    f"it waits until Switch {name} is released, which holds a field in the pod template "
                    f"of {observed.ref}"
                )
                return Refused(Reason.PROBE_PENDING, text)
    return None


def failure(snapshot: RunbookSnapshot, ref: Ref) -> Failed | None:
    """Return why writes fail to the workload, or to the Runbook, which must be written first; None if none fails."""
    refs = (snapshot.runbook.meta.ref, ref)
    return next(
        (one.failed for (about, _), one in snapshot.write_histories.items() if about in refs and one.failed), None
    )


def failing(snapshot: RunbookSnapshot, ref: Ref) -> Refused | None:
    """Return the refusal while the back-off after a failed write lasts, else None."""
    found = failure(snapshot, ref)
    return Refused(found.reason, found.message) if found and snapshot.now < found.due else None


def is_fought(snapshot: RunbookSnapshot, observed: ObservedObject, entry: ProbeStatus) -> bool:
    """True if another writer has changed the fields that were set; a rollback of the operator does not count."""
    if entry.pending or not changed(observed, entry.held):
        return False
    return entry.set_at is None or not is_rolled_back(snapshot, observed, moment(entry.set_at))


def changed(observed: ObservedObject, held: Sequence[HeldProbeField]) -> list[HeldProbeField]:
    """Return the fields that do not show the values that were set."""
    return [one for one in held if not shows(observed.body, one.field, one.held)]


def is_rolled_back(snapshot: RunbookSnapshot, observed: ObservedObject, since: datetime) -> bool:
    """True if a switch rolled back to another revision and was released after that time: that changes probes too."""
    ended = (one for switch in snapshot.switches.values() for one in switch.status.history)
    lately = (one for one in ended if moment(one.released_at) >= since)
    return any(swapped.uid == observed.uid for one in lately for swapped in one.templates)


def lasts(snapshot: RunbookSnapshot, entry: ProbeStatus) -> bool:
    """True if the last set is more recent than the quiet period, so that a contest continues."""
    return entry.set_at is not None and snapshot.now - moment(entry.set_at) < PATIENCE.calm


def generation(observed: ObservedObject) -> int:
    return int(observed.body["metadata"].get("generation", 0))


def _observing(snapshot: RunbookSnapshot, _: ContainerProbe, __: ProbeStatus) -> Refused | None:
    if snapshot.runbook.spec is None or snapshot.runbook.spec.mode != "Observe":
        return None
    return Refused(
        Reason.OBSERVING,
        "mode is Observe: the operator set nothing. In mode Enforce it would set the probe as declared",
    )


def _account_required(snapshot: RunbookSnapshot, _: ContainerProbe, __: ProbeStatus) -> Refused | None:
    return Refused(Reason.NO_ACCOUNT, UNNAMED) if snapshot.lacks_account else None


def _not_allowed(snapshot: RunbookSnapshot, _: ContainerProbe, __: ProbeStatus) -> Refused | None:
    found = enabled_actions.of_probes(snapshot)
    return Refused(*found) if found else None


def _suspended(snapshot: RunbookSnapshot, _: ContainerProbe, __: ProbeStatus) -> Refused | None:
    if not suspended(snapshot.runbook, snapshot.now):
        return None
    return Refused(Reason.SUSPENDED, "the Runbook is suspended; the probe is set when that ends")


def _unrollable(_: RunbookSnapshot, place: ContainerProbe, __: ProbeStatus) -> Refused | None:
    if kind_of(place.observed) in KINDS:
        return None
    names, ref = ", ".join(kind for _, kind in KINDS), place.observed.ref
    text = f"{ref}: the operator cannot see if the pods of a {ref.kind} are being replaced; target one of {names}"
    return Refused(Reason.NOT_RESTARTABLE, text)


def _foreign(_: RunbookSnapshot, place: ContainerProbe, __: ProbeStatus) -> Refused | None:
    """Refuse a workload that a GitOps tool applies: it would revert the probe, and each turn replaces every pod."""
    labels = place.observed.body["metadata"].get("labels") or {}
    owner = "Flux" if any(label in labels for label, _ in gitops_suspension.HOLDS) else ""
    if app := gitops_suspension.application(place.observed):
        owner = f"the Argo CD Application {app}"
    if not owner:
        return None
    text = f"{place.observed.ref} is applied from Git by {owner}, which would undo the change; set the probe in Git"
    return Refused(Reason.GITOPS, text)


def _failing(snapshot: RunbookSnapshot, place: ContainerProbe, _: ProbeStatus) -> Refused | None:
    return failing(snapshot, place.observed.ref)


def _switched(snapshot: RunbookSnapshot, place: ContainerProbe, _: ProbeStatus) -> Refused | None:
    return holder(snapshot, place.observed)


def _rolling(_: RunbookSnapshot, place: ContainerProbe, old: ProbeStatus) -> Refused | None:
    """Wait for a rollout, except for that of the probe itself: one that does not work must be corrected."""
    observed = place.observed
    if (old.set_generation and old.set_generation == generation(observed)) or not _is_rolling(observed):
        return None
    return Refused(Reason.PROBE_PENDING, f"it is set when the rollout of {observed.ref} ends")


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


def _fought(snapshot: RunbookSnapshot, place: ContainerProbe, old: ProbeStatus) -> Refused | None:
    due = _set_again_at(old)
    if due is None or snapshot.now >= due or not is_fought(snapshot, place.observed, old):
        return None
    field = changed(place.observed, old.held)[0].field
    text = (
        f"{author(place.observed.manager(field), field)} has changed the enforced probe. The operator sets it again at "
        f"{timestamp(due)}, and later each time: change it at its source, or set enforce: false"
    )
    return Refused(Reason.PROBE_PENDING, text)


def _set_again_at(entry: ProbeStatus) -> datetime | None:
    """Return when a changed probe may be set again, None if none was set."""
    if entry.set_at is None:
        return None
    return moment(entry.set_at) + PATIENCE.pause(entry.times, f"{entry.uid}.{entry.container}.{entry.probe}")


Gate = Callable[[RunbookSnapshot, ContainerProbe, ProbeStatus], Refused | None]
GATES: tuple[Gate, ...] = (
    _observing,
    _account_required,
    _not_allowed,
    _suspended,
    _unrollable,
    _foreign,
    _failing,
    _switched,
    _rolling,
    _fought,
)
