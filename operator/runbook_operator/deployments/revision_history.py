"""Record which revisions of a workload are known good, and which ones rollbacks brought back or replaced.

A revision is known good once it was live and fully available for goodAfter, and nothing that judges it was Critical at
the end; one that has failed in its window is not. The status is written only twice: when the revision is available, and
when it is good.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.deployment_guard_spec import AvailableRevision, GoodRevision
from runbook_operator.api.parsing import RunbookObject, SwitchObject
from runbook_operator.api.runbook import TargetStatus
from runbook_operator.api.switch import Record, Swapped
from runbook_operator.api.target_specs import Target
from runbook_operator.core.desired_fields import TEMPLATE
from runbook_operator.core.durations import duration
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.pod_templates import Mark
from runbook_operator.core.queries import NeedsRead, Read
from runbook_operator.core.references import Ref
from runbook_operator.core.rollout_progress import KINDS, kind_of
from runbook_operator.deployments import guard, workload_revisions
from runbook_operator.deployments.observation_window import is_available
from runbook_operator.reconcile.snapshot import RunbookSnapshot, Snapshot

Value = Mapping[str, Any]
MAX_REVISIONS = 5


def good(snapshot: Snapshot) -> dict[Ref, tuple[Mark, ...]]:
    """Return the known good revisions, newest first, by workload."""
    return {
        ref: tuple(map(workload_revisions.mark_of, one.good)) for ref, one in _stored_statuses(snapshot) if one.good
    }


def bad(snapshot: Snapshot) -> dict[Ref, tuple[Mark, ...]]:
    """Return the revisions that have failed while they were watched, by workload."""
    return {
        ref: tuple(map(workload_revisions.mark_of, found))
        for ref, one in _stored_statuses(snapshot)
        if (found := guard.failed(one))
    }


def rolled_back_templates(snapshot: Snapshot, record: Record, workload: ObservedObject) -> tuple[Value, ...]:
    """Return the templates that rollbacks wrote: those that switches hold, and the last one of this switch."""
    held = (claim.held for claim in snapshot.claims if (claim.uid, claim.field) == (workload.uid, TEMPLATE))
    own = (one.after for one in swapped(record) if one.uid == workload.uid)
    past = (one for engagement in snapshot.switch.status.history for one in engagement.templates)
    last = next((one.after for one in past if one.uid == workload.uid), None)
    return (*held, *own, *([last] if last else []))


def swapped(record: Record) -> list[Swapped]:
    """Return the pod templates that the engagement has replaced."""
    entries = (one for one in record.actions if one.field == TEMPLATE and one.applied_at and one.uid)
    return [Swapped(uid=one.uid or "", before=one.saved, after=one.held) for one in entries]


def noted(snapshot: RunbookSnapshot, target: Target, status: TargetStatus) -> TargetStatus:
    """Update the target's status, and run the guard; raises NeedsRead if the workload's revisions must be read."""
    ref = target.refs(snapshot.runbook.meta.ref.namespace).workload
    observed = snapshot.require(ref) if ref else None
    if not isinstance(observed, ObservedObject):
        return status
    if kind_of(observed) not in KINDS:
        return _nothing(status)
    if status.uid not in ("", observed.uid):
        status = _nothing(status)
    status = guard.judged(snapshot, target, observed, status)
    left = list(_replaced_revisions(snapshot.switches.values(), observed.uid)) if status.good else []
    kept = [
        one
        for one in status.good
        if not guard.is_bad(status, workload_revisions.mark_of(one))
        and not any(map(workload_revisions.mark_of(one).was_left, left))
    ]
    return _watched(snapshot, target, observed, status.replace(good=kept))


def _stored_statuses(snapshot: Snapshot) -> Iterator[tuple[Ref, TargetStatus]]:
    """Yield the reported status of each workload whose uid has not changed."""
    spec = snapshot.runbook.spec if snapshot.runbook else None
    told = {one.name: one for one in snapshot.runbook.status.targets} if snapshot.runbook else {}
    for target in spec.targets if spec else ():
        ref, status = target.refs(snapshot.switch.meta.ref.namespace).workload, told.get(target.name)
        observed = snapshot.observed.get(ref) if ref else None
        if status and isinstance(observed, ObservedObject) and observed.uid == status.uid:
            yield observed.ref, status


def _nothing(status: TargetStatus) -> TargetStatus:
    """Return the status without revisions, for a workload that was recreated or whose kind has none."""
    kept = {"found", "reason", "message", "degraded_by"}
    return TargetStatus(name=status.name, **status.model_dump(include=kept))


def due(snapshot: RunbookSnapshot) -> Iterator[datetime]:
    """Yield when available revisions become known good, and when to check those that are watched."""
    for status in snapshot.runbook.status.targets if snapshot.runbook.spec else ():
        if status.available is not None:
            yield _good_at(snapshot.runbook, status.available)
    yield from guard.due(snapshot)


def is_due(snapshot: RunbookSnapshot, status: TargetStatus) -> bool:
    """True if the target's other objects, and a workload without a watch, should be read in this visit."""
    spec, namespace = snapshot.runbook.spec, snapshot.runbook.meta.ref.namespace
    assert spec  # noqa: S101 # it declares the target
    target = next(one for one in spec.targets if one.name == status.name)
    try:
        return noted(snapshot, target, status) != status
    except NeedsRead as needed:
        if Read(spec.target(status.name, namespace).refs[0]) not in needed.queries:
            return True
    waits = status.available is not None and _good_at(snapshot.runbook, status.available) <= snapshot.now
    return waits or guard.is_due(snapshot, status)


def _watched(snapshot: RunbookSnapshot, target: Target, observed: ObservedObject, status: TargetStatus) -> TargetStatus:
    live, waiting = None if workload_revisions.is_flagged(snapshot, observed.uid) else _live(observed), status.available
    if (
        live is None
        or (status.good and workload_revisions.is_marked(status.good[0], live))
        or guard.is_bad(status, live)
    ):
        return status.replace(available=None)
    if waiting is None or not workload_revisions.is_marked(waiting, live):
        since = timestamp(snapshot.now)
        waiting = AvailableRevision(revision=live.number, template=live.template, since=since)
        return status.replace(uid=observed.uid, available=waiting)
    if snapshot.now < _good_at(snapshot.runbook, waiting) or guard.is_troubled(snapshot, target):
        return status
    found = workload_revisions.version(snapshot, observed, live) if live.template else None
    new = GoodRevision(revision=found.number if found else live.number, template=live.template)
    older = [one for one in status.good if not one.template or one.template != new.template]
    return status.replace(available=None, good=[new, *older][:MAX_REVISIONS])


def _live(observed: ObservedObject) -> Mark | None:
    """Return the live revision, None while no pod runs it or not all pods are available.

    Pods that a partition or OnDelete leaves at an older revision do not count against it.
    """
    return workload_revisions.marked(observed) if is_available(observed) else None


def _good_at(runbook: RunbookObject, waiting: AvailableRevision) -> datetime:
    assert runbook.spec  # noqa: S101 # it declares the target
    return moment(waiting.since) + duration(runbook.spec.deployments.good_after)


def _replaced_revisions(switches: Iterable[SwitchObject], uid: str) -> Iterator[Value]:
    """Yield the revisions of the workload that rollbacks have replaced, as records have them."""
    for switch in switches:
        now = swapped(switch.status.record) if switch.status.record else []
        past = (one for engagement in switch.status.history for one in engagement.templates)
        for one in (*now, *past):
            if one.uid == uid and one.before.get("digest") != one.after.get("digest"):
                yield one.before
