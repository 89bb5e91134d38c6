"""The deployment guard: it watches a new revision of a target, and engages a switch if the revision is bad.

The window opens when the rollout of the revision is first seen, not when it is available: a bad one may never be. All
state of the guard is in the status, so that neither a restart nor the end of the rollout tool ends a window.

A metric or health endpoint that was Critical before the revision came is no evidence against it until it was Ok again:
this compares the revision with the one before. If nothing is known of that one, the current level alone counts. One
that becomes Critical while the target is down on purpose (see intended_downtime) is no evidence until it was Ok again.
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
"""Interval between reads of a guarded workload that has no watch: the maximum delay in seeing a new revision."""
FIRST = (
    "it was live when the guard saw the workload first, so that no window watched it; status.targets[].good has it "
    "once it has worked for goodAfter"
)
BEFORE = "; before that: "
BROUGHT = "a switch has brought it"


def judged(world: RunbookWorld, target: Target, seen: Seen, status: TargetStatus) -> TargetStatus:
    """Return the target's status with the verdicts of its revisions; raises Unread if a new one must be read."""
    return _watched(world, target, seen, _turned(world, target, seen, status))


def is_bad(status: TargetStatus, mark: Mark) -> bool:
    """True if the revision of this mark has failed in its window."""
    return any(workload_revisions.is_marked(one, mark) for one in failed(status))


def failed(status: TargetStatus) -> list[JudgedRevision]:
    """Return the bad revisions, newest first."""
    return [one for one in status.verdicts if one.verdict == "Bad"]


def is_troubled(world: RunbookWorld, target: Target) -> bool:
    """True if a metric or health endpoint that judges the target is Critical now."""
    return any(one.track.level == "Critical" for one in judges(world, target))


def is_due(world: RunbookWorld, status: TargetStatus) -> bool:
    """True if a workload without a watch must be read at every visit."""
    return status.watch is not None or bool(world.runbook.spec and world.runbook.spec.deployments.guards)


def due(world: RunbookWorld) -> Iterator[datetime]:
    """Yield the ends of windows, and when to check again for a revision that has no watch or no stored template yet."""
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
    """Return the guard's signal for each target, by the name of the kill switch that a bad revision engages."""
    spec = world.runbook.spec
    action = spec.deployments.first_action if spec else None
    if spec is None or action is None:
        return {}
    told = {one.name: one for one in world.runbook.status.targets}
    targets = [(one, told[one.name]) for one in spec.targets if one.workload and one.name in told]
    return {action.engage: tuple(_signal(world, target, status) for target, status in targets)}


def _turned(world: RunbookWorld, target: Target, seen: Seen, status: TargetStatus) -> TargetStatus:
    """Return the status after a change of the workload's revision, if there was one."""
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
    """Return the mark of the live revision if it differs from the recorded one, else None."""
    mark = workload_revisions.marked(seen) if is_observed(seen) else None
    is_noted = mark is not None and bool(status.verdicts) and workload_revisions.is_marked(status.verdicts[0], mark)
    return None if is_noted else mark


def _known(world: RunbookWorld, seen: Seen, live: JudgedRevision) -> JudgedRevision:
    """Return the revision with its digest; that of a workload's first one is read only when another one comes."""
    found = None if live.digest else workload_revisions.version(world, seen, workload_revisions.mark_of(live))
    return live.replace(digest=found.digest) if found else live


def _is_same_version(world: RunbookWorld, seen: Seen, live: JudgedRevision, version: Version) -> bool:
    """True if only a restart or a switch's flag is new; without digests, True only if a switch holds a flag."""
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
    """Record a rollback, which is no deployment: the verdict of the revision stands, and a bad one stays watched."""
    old = next((one for one in status.verdicts if one.digest == version.digest), None)
    verdict, reason = (old.verdict, _brought_again(old, version)) if old else ("Unproven", BROUGHT)
    left = _left(status, f"a switch went back to revision {version.number} before its window ended")
    return _with(seen, left, _judged(world, version, verdict, reason).replace(brought=True))


def _brought_again(old: JudgedRevision, version: Version) -> str:
    """Return the reason for a version that a switch brought back and that may now have another number."""
    known = old.reason.partition(BEFORE)[2] or old.reason if old.brought else old.reason
    number = f" as revision {version.number}" if version.number else ""
    return f"{BROUGHT} back{number}{BEFORE}{known}"


def _opened(world: RunbookWorld, target: Target, seen: Seen, status: TargetStatus, version: Version) -> TargetStatus:
    """Record a deployment: open its window, and end the watch of the revision before."""
    left = _left(status, f"revision {version.number} came before its window ended")
    left = left.replace(watch=None)
    if why := nobody(world, target):
        return _with(seen, left, _judged(world, version, "Unproven", f"not watched: {why}"))
    # Without a watch, the effects of a revision may be seen before the revision itself is.
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
    """Return the status after another revision replaced the live one; an open window ends as Unproven."""
    live = status.verdicts[0]
    if live.verdict != "Watching":
        return status
    return _ended(status, live, "Unproven", why)


def _with(seen: Seen, status: TargetStatus, entry: JudgedRevision) -> TargetStatus:
    """Return the status with this revision as the live one; it replaces an older entry of the same version."""
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
    """Return the status after the revision under watch was judged."""
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
    """True if all that was Critical is Ok again, and the window has ended or the revision is no longer live."""
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
    """Return Engage while evidence against a bad revision is Critical, Release when all of it is Ok."""
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
