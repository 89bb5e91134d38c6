"""The deployment guard: a new revision of a target is watched, and one that goes bad in its window has consequences.

The window opens when the revision is first seen to be rolled out, and not when it is available: a bad one may never be.
All that the guard knows is in the status, so that neither a restart nor the end of the rollout tool ends a window.

What was Critical before the revision came is no evidence against it until it was Ok again: that is the comparison with
the revision before. Where nothing is known of that one, what is Critical now stands alone. What becomes Critical while
somebody holds the target down on purpose (see attribution) is no evidence either until it was Ok again.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.deployment_guard_spec import JudgedRevision, Verdict, WatchedRevision
from runbook_operator.api.runbook import TargetStatus
from runbook_operator.api.target_specs import Target
from runbook_operator.core.durations import duration
from runbook_operator.core.observed_object import ALWAYS_WATCHED, Seen
from runbook_operator.core.pod_templates import Mark
from runbook_operator.core.rollout_progress import KINDS, is_observed
from runbook_operator.core.signals import Signal
from runbook_operator.core.signals import Verdict as Word
from runbook_operator.deployments import guard_messages, workload_revisions
from runbook_operator.deployments.evidence import judges, nobody
from runbook_operator.deployments.observation_window import Case, is_standing_still, still_until
from runbook_operator.deployments.workload_revisions import Version
from runbook_operator.monitoring import intended_downtime
from runbook_operator.reconcile.snapshot import RunbookWorld

KEPT = 5
LOOKED_AT_EVERY = timedelta(seconds=10)
"""A guarded workload of a kind that nobody watches is read so often: its new revisions are seen so late at most."""
FIRST = (
    "it was live when the guard saw the workload first, so that no window watched it; status.targets[].good has it "
    "once it has worked for goodAfter"
)
BEFORE = "; before that: "
BROUGHT = "a switch has brought it"


def judged(world: RunbookWorld, target: Target, seen: Seen, status: TargetStatus) -> TargetStatus:
    """The target's status with the verdicts of its revisions; raises Unread where a new one is to be read."""
    return _watched(world, target, seen, _turned(world, target, seen, status))


def is_bad(status: TargetStatus, mark: Mark) -> bool:
    """Whether the revision of this mark has failed in its window."""
    return any(workload_revisions.is_marked(one, mark) for one in failed(status))


def failed(status: TargetStatus) -> list[JudgedRevision]:
    """The revisions that are bad, newest first."""
    return [one for one in status.verdicts if one.verdict == "Bad"]


def is_troubled(world: RunbookWorld, target: Target) -> bool:
    """Whether something is Critical now that judges the target."""
    return any(one.track.level == "Critical" for one in judges(world, target))


def is_due(world: RunbookWorld, status: TargetStatus) -> bool:
    """Whether a workload that nobody watches is worth a read at every visit."""
    return status.watch is not None or bool(world.runbook.spec and world.runbook.spec.deployments.guards)


def due(world: RunbookWorld) -> Iterator[datetime]:
    """When windows end, and when to look again for a new revision that no watch tells of, or that is not kept yet."""
    spec, namespace = world.runbook.spec, world.runbook.meta.ref.namespace
    told = {one.name: one for one in world.runbook.status.targets}
    for target in spec.targets if spec else ():
        status, workload = told.get(target.name), target.refs(namespace).workload
        if spec is None or status is None or workload is None:
            continue
        if status.watch is not None:
            yield moment(status.watch.until)
        kind, seen = (workload.api_version, workload.kind), world.seen.get(workload)
        if status.watch is not None and isinstance(seen, Seen) and is_standing_still(seen, status.watch, world.now):
            yield still_until(status.watch)
        is_unwatched = kind in KINDS and kind not in ALWAYS_WATCHED and spec.deployments.guards
        if is_unwatched or (kind in KINDS and isinstance(seen, Seen) and _new_mark(seen, status)):
            yield world.now + LOOKED_AT_EVERY


def signals(world: RunbookWorld) -> Mapping[str, tuple[Signal, ...]]:
    """What the guard says of each target to the kill switch that a bad revision engages."""
    spec = world.runbook.spec
    action = spec.deployments.first_action if spec else None
    if spec is None or action is None:
        return {}
    told = {one.name: one for one in world.runbook.status.targets}
    targets = [(one, told[one.name]) for one in spec.targets if one.workload and one.name in told]
    return {action.engage: tuple(_signal(world, target, status) for target, status in targets)}


def _turned(world: RunbookWorld, target: Target, seen: Seen, status: TargetStatus) -> TargetStatus:
    """The status after the workload has turned to another revision, if it has."""
    mark = _new_mark(seen, status)
    if mark is None:
        return status
    if not status.verdicts:
        return _with(seen, status, _judged(world, Version(mark.number, mark), "Unproven", FIRST))
    version, live = workload_revisions.version(world, seen, mark), _known(world, seen, status.verdicts[0])
    if version is None or workload_revisions.is_left(world, seen, version):
        return status
    status = status.replace(verdicts=[live, *status.verdicts[1:]])
    if _is_same_version(world, seen, live, version):
        return _renumbered(status, version)
    if workload_revisions.is_brought(world, seen, version, moment(live.since)):
        return _brought(world, seen, status, version)
    return _opened(world, target, seen, status, version)


def _new_mark(seen: Seen, status: TargetStatus) -> Mark | None:
    """The mark of the live revision, where it is not the one that was noted."""
    mark = workload_revisions.marked(seen) if is_observed(seen) else None
    is_noted = mark is not None and bool(status.verdicts) and workload_revisions.is_marked(status.verdicts[0], mark)
    return None if is_noted else mark


def _known(world: RunbookWorld, seen: Seen, live: JudgedRevision) -> JudgedRevision:
    """The revision with its version; that of the first one of a workload is read only when another one comes."""
    found = None if live.digest else workload_revisions.version(world, seen, workload_revisions.mark_of(live))
    return live.replace(digest=found.digest) if found else live


def _is_same_version(world: RunbookWorld, seen: Seen, live: JudgedRevision, version: Version) -> bool:
    """Whether only a restart or a flag of a switch is new; without digests, a switch must be known to hold a flag."""
    if version.digest and live.digest:
        return version.digest == live.digest
    return workload_revisions.is_flagged(world, seen.uid)


def _renumbered(status: TargetStatus, version: Version) -> TargetStatus:
    live, watch = status.verdicts[0], status.watch
    number, template = version.number, version.mark.template
    if watch and watch.since == live.since:
        watch = watch.replace(revision=number, template=template)
    same = live.replace(revision=number, template=template, digest=version.digest)
    return status.replace(watch=watch, verdicts=[same, *status.verdicts[1:]])


def _brought(world: RunbookWorld, seen: Seen, status: TargetStatus, version: Version) -> TargetStatus:
    """A rollback is no deployment: what was known of the revision stands, and a bad one stays under watch."""
    old = next((one for one in status.verdicts if one.digest == version.digest), None)
    verdict, reason = (old.verdict, _brought_again(old, version)) if old else ("Unproven", BROUGHT)
    left = _left(status, f"a switch went back to revision {version.number} before its window ended")
    return _with(seen, left, _judged(world, version, verdict, reason).replace(brought=True))


def _brought_again(old: JudgedRevision, version: Version) -> str:
    """The reason of a verdict that was given to the same version under another number."""
    known = old.reason.partition(BEFORE)[2] or old.reason if old.brought else old.reason
    number = f" as revision {version.number}" if version.number else ""
    return f"{BROUGHT} back{number}{BEFORE}{known}"


def _opened(world: RunbookWorld, target: Target, seen: Seen, status: TargetStatus, version: Version) -> TargetStatus:
    """A deployment: its window opens, and whatever was held against the one before is over."""
    left = _left(status, f"revision {version.number} came before its window ended")
    left = left.replace(watch=None)
    if why := nobody(world, target):
        return _with(seen, left, _judged(world, version, "Unproven", f"not watched: {why}"))
    # What a revision does may be seen before the revision is, where that is not told by a watch.
    late = timedelta() if (seen.ref.api_version, seen.ref.kind) in ALWAYS_WATCHED else LOOKED_AT_EVERY
    every = judges(world, target)
    watch = WatchedRevision(
        revision=version.number,
        template=version.mark.template,
        since=timestamp(world.now),
        until=timestamp(_until(world, world.now)),
        before=[one.name for one in every if one.was_bad(world.now - late)],
    )
    entry = _judged(world, version, "Watching", f"watched until {watch.until}")
    return _with(seen, left.replace(watch=watch), entry)


def _left(status: TargetStatus, why: str) -> TargetStatus:
    """The status after the live revision was left; one that is still in its window is not judged any more."""
    live = status.verdicts[0]
    if live.verdict != "Watching":
        return status
    return _ended(status, live, "Unproven", why)


def _with(seen: Seen, status: TargetStatus, entry: JudgedRevision) -> TargetStatus:
    """The status with this revision as the live one; what was known of the same version gives way."""
    older = [one for one in status.verdicts if not entry.digest or one.digest != entry.digest]
    return status.replace(uid=seen.uid, verdicts=[entry, *older][:KEPT])


def _judged(world: RunbookWorld, version: Version, verdict: Verdict, reason: str) -> JudgedRevision:
    return JudgedRevision(
        revision=version.number,
        template=version.mark.template,
        digest=version.digest,
        verdict=verdict,
        since=timestamp(world.now),
        reason=reason,
    )


def _watched(world: RunbookWorld, target: Target, seen: Seen, status: TargetStatus) -> TargetStatus:
    """The status after what judges the revision under watch was looked at."""
    watch = status.watch
    entry = guard_messages.suspect(status)
    if watch is None or entry is None:
        return status.replace(watch=None)
    if why := nobody(world, target):
        ended = _ended(status, entry, "Unproven", f"not watched any more: {why}")
        return ended if entry.verdict == "Watching" else status.replace(watch=None)
    case = _case(world, target, seen, status, watch)
    status = status.replace(watch=case.looked)
    if entry.verdict == "Bad":
        return status.replace(watch=None) if _is_over(world, case) else status
    if case.evidence:
        why, advice = guard_messages.reason(world, case.evidence), guard_messages.advice(world, target, seen, status)
        return status.replace(verdicts=_replaced(status, entry, "Bad", why, advice))
    if world.now >= case.until:
        return _ended(status, entry, *case.outcome)
    return status.replace(verdicts=_replaced(status, entry, "Watching", case.reason))


def _case(world: RunbookWorld, target: Target, seen: Seen, status: TargetStatus, watch: WatchedRevision) -> Case:
    opened, is_live = moment(watch.since), guard_messages.suspect(status) is status.verdicts[0]
    excuse = intended_downtime.excuse(world, target.refs(world.runbook.meta.ref.namespace), seen, opened)
    return Case(watch, judges(world, target), _until(world, opened), is_live, world.now, seen, excuse)


def _is_over(world: RunbookWorld, case: Case) -> bool:
    """Whether all that was Critical is Ok again, and cannot be this revision's doing any more."""
    if any(one.level != "Ok" for one in case.judges if one.name in case.saw):
        return False
    return world.now >= case.until or not case.is_live


def _ended(status: TargetStatus, entry: JudgedRevision, verdict: Verdict, reason: str) -> TargetStatus:
    return status.replace(watch=None, verdicts=_replaced(status, entry, verdict, reason))


def _replaced(
    status: TargetStatus, entry: JudgedRevision, verdict: Verdict, reason: str, advice: str = ""
) -> list[JudgedRevision]:
    new = entry.replace(verdict=verdict, reason=reason, advice=advice)
    return [new if one is entry else one for one in status.verdicts]


def _until(world: RunbookWorld, since: datetime) -> datetime:
    assert world.runbook.spec  # noqa: S101 # it declares the target
    return since + duration(world.runbook.spec.deployments.monitor_for)


def _signal(world: RunbookWorld, target: Target, status: TargetStatus) -> Signal:
    """Engage while what has spoken against a bad revision is Critical, Release when all of it is Ok."""
    entry = guard_messages.suspect(status)
    saw = status.watch.saw if status.watch else []
    speaking = [one for one in judges(world, target) if one.name in saw]
    levels = {one.level for one in speaking}
    if entry is None or entry.verdict != "Bad" or levels <= {"Ok"}:
        return Signal("Deployment", target.name, "Release")
    word: Word = "Engage" if "Critical" in levels else "Unknown"
    namespace = world.runbook.meta.ref.namespace
    blind = any(one.track.level in ("Unknown", "Stale") for one in speaking)
    return Signal(
        "Deployment", target.name, word, guard_messages.sentence(target.refs(namespace).refs[0], entry), blind
    )
