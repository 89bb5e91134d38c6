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
from runbook_operator.core.observed_object import Seen
from runbook_operator.core.pod_templates import Mark
from runbook_operator.core.queries import Read, Unread
from runbook_operator.core.references import Ref
from runbook_operator.core.rollout_progress import KINDS, kind_of
from runbook_operator.deployments import guard, workload_revisions
from runbook_operator.deployments.observation_window import is_available
from runbook_operator.reconcile.snapshot import RunbookWorld, World

Value = Mapping[str, Any]
KEPT = 5


def good(world: World) -> dict[Ref, tuple[Mark, ...]]:
    """Return the known good revisions, newest first, by workload."""
    return {ref: tuple(map(workload_revisions.mark_of, one.good)) for ref, one in _told(world) if one.good}


def bad(world: World) -> dict[Ref, tuple[Mark, ...]]:
    """Return the revisions that have failed while they were watched, by workload."""
    return {
        ref: tuple(map(workload_revisions.mark_of, found)) for ref, one in _told(world) if (found := guard.failed(one))
    }


def brought(world: World, record: Record, workload: Seen) -> tuple[Value, ...]:
    """Return the templates that rollbacks wrote: those that switches hold, and the last one of this switch."""
    held = (claim.held for claim in world.claims if (claim.uid, claim.field) == (workload.uid, TEMPLATE))
    own = (one.after for one in swapped(record) if one.uid == workload.uid)
    past = (one for engagement in world.switch.status.history for one in engagement.templates)
    last = next((one.after for one in past if one.uid == workload.uid), None)
    return (*held, *own, *([last] if last else []))


def swapped(record: Record) -> list[Swapped]:
    """Return the pod templates that the engagement has replaced."""
    entries = (one for one in record.actions if one.field == TEMPLATE and one.applied_at and one.uid)
    return [Swapped(uid=one.uid or "", before=one.saved, after=one.held) for one in entries]


def noted(world: RunbookWorld, target: Target, status: TargetStatus) -> TargetStatus:
    """Update the target's status, and run the guard; raises Unread if the workload's revisions must be read."""
    ref = target.refs(world.runbook.meta.ref.namespace).workload
    seen = world.look(ref) if ref else None
    if not isinstance(seen, Seen):
        return status
    if kind_of(seen) not in KINDS:
        return _nothing(status)
    if status.uid not in ("", seen.uid):
        status = _nothing(status)
    status = guard.judged(world, target, seen, status)
    left = list(_left(world.switches.values(), seen.uid)) if status.good else []
    kept = [
        one
        for one in status.good
        if not guard.is_bad(status, workload_revisions.mark_of(one))
        and not any(map(workload_revisions.mark_of(one).was_left, left))
    ]
    return _watched(world, target, seen, status.replace(good=kept))


def _told(world: World) -> Iterator[tuple[Ref, TargetStatus]]:
    """Yield the reported status of each workload whose uid has not changed."""
    spec = world.runbook.spec if world.runbook else None
    told = {one.name: one for one in world.runbook.status.targets} if world.runbook else {}
    for target in spec.targets if spec else ():
        ref, status = target.refs(world.switch.meta.ref.namespace).workload, told.get(target.name)
        seen = world.seen.get(ref) if ref else None
        if status and isinstance(seen, Seen) and seen.uid == status.uid:
            yield seen.ref, status


def _nothing(status: TargetStatus) -> TargetStatus:
    """Return the status without revisions, for a workload that was recreated or whose kind has none."""
    kept = {"found", "reason", "message", "degraded_by"}
    return TargetStatus(name=status.name, **status.model_dump(include=kept))


def due(world: RunbookWorld) -> Iterator[datetime]:
    """Yield when available revisions become known good, and when to check those that are watched."""
    for status in world.runbook.status.targets if world.runbook.spec else ():
        if status.available is not None:
            yield _good_at(world.runbook, status.available)
    yield from guard.due(world)


def is_due(world: RunbookWorld, status: TargetStatus) -> bool:
    """True if the target's other parts, and a workload without a watch, should be read in this visit."""
    spec, namespace = world.runbook.spec, world.runbook.meta.ref.namespace
    assert spec  # noqa: S101 # it declares the target
    target = next(one for one in spec.targets if one.name == status.name)
    try:
        return noted(world, target, status) != status
    except Unread as unread:
        if Read(spec.target(status.name, namespace).refs[0]) not in unread.queries:
            return True
    waits = status.available is not None and _good_at(world.runbook, status.available) <= world.now
    return waits or guard.is_due(world, status)


def _watched(world: RunbookWorld, target: Target, seen: Seen, status: TargetStatus) -> TargetStatus:
    live, waiting = None if workload_revisions.is_flagged(world, seen.uid) else _live(seen), status.available
    if (
        live is None
        or (status.good and workload_revisions.is_marked(status.good[0], live))
        or guard.is_bad(status, live)
    ):
        return status.replace(available=None)
    if waiting is None or not workload_revisions.is_marked(waiting, live):
        since = timestamp(world.now)
        waiting = AvailableRevision(revision=live.number, template=live.template, since=since)
        return status.replace(uid=seen.uid, available=waiting)
    if world.now < _good_at(world.runbook, waiting) or guard.is_troubled(world, target):
        return status
    found = workload_revisions.version(world, seen, live) if live.template else None
    new = GoodRevision(revision=found.number if found else live.number, template=live.template)
    older = [one for one in status.good if not one.template or one.template != new.template]
    return status.replace(available=None, good=[new, *older][:KEPT])


def _live(seen: Seen) -> Mark | None:
    """Return the live revision, None while no pod runs it or not all pods are available.

    Pods that a partition or OnDelete leaves at an older revision do not count against it.
    """
    return workload_revisions.marked(seen) if is_available(seen) else None


def _good_at(runbook: RunbookObject, waiting: AvailableRevision) -> datetime:
    assert runbook.spec  # noqa: S101 # it declares the target
    return moment(waiting.since) + duration(runbook.spec.deployments.good_after)


def _left(switches: Iterable[SwitchObject], uid: str) -> Iterator[Value]:
    """Yield the revisions of the workload that rollbacks have replaced, as records have them."""
    for switch in switches:
        now = swapped(switch.status.record) if switch.status.record else []
        past = (one for engagement in switch.status.history for one in engagement.templates)
        for one in (*now, *past):
            if one.uid == uid and one.before.get("digest") != one.after.get("digest"):
                yield one.before
