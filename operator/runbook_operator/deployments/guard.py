"""The deployment guard: it watches a new revision of a target, and engages a switch if the revision is bad.

The window opens when the rollout of the revision is first observed, not when the revision is available, since a bad one
may never be. All state of the guard is in the status, so that neither a restart nor the end of the rollout tool ends a
window.

The guard compares the revision with the one before: a metric or health endpoint that was already Critical is no
evidence until it was Ok again. If nothing is known of the revision before, the current level alone counts. A metric or
health endpoint that becomes Critical while the target is down on purpose (see intended_downtime) is no evidence until
it was Ok again.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.deployment_guard_spec import JudgedRevision, Verdict, WatchedRevision
from runbook_operator.api.runbook import TargetStatus
from runbook_operator.api.target_specs import Target
from runbook_operator.core.durations import duration
from runbook_operator.core.observed_object import ALWAYS_WATCHED, ObservedObject
from runbook_operator.core.pod_templates import Mark
from runbook_operator.core.rollout_progress import KINDS, is_observed
from runbook_operator.core.signals import Signal
from runbook_operator.core.signals import Verdict as Override
from runbook_operator.deployments import guard_messages, workload_revisions
from runbook_operator.deployments.evidence import judges, why_unjudged
from runbook_operator.deployments.observation_window import Case, is_standing_still, still_until
from runbook_operator.deployments.workload_revisions import Version
from runbook_operator.monitoring import intended_downtime
from runbook_operator.reconcile.snapshot import RunbookSnapshot

MAX_REVISIONS = 5
LOOKED_AT_EVERY = timedelta(seconds=10)
"""Interval between reads of a guarded workload that has no watch: the maximum delay in seeing a new revision."""
FIRST = (
    "it was live before the guard first read the workload, so it had no window; it becomes known good "
    "(status.targets[].good) after goodAfter without anything Critical"
)
BEFORE = "; before that: "
ROLLED_BACK_TO = "a switch rolled back to it"


def judged(snapshot: RunbookSnapshot, target: Target, observed: ObservedObject, status: TargetStatus) -> TargetStatus:
    """Return the target's status with the verdicts of its revisions; raises NeedsRead if a new one must be read."""
    return _watched(snapshot, target, observed, _on_new_revision(snapshot, target, observed, status))


def is_bad(status: TargetStatus, mark: Mark) -> bool:
    """True if the revision of this mark has failed in its window."""
    return any(workload_revisions.is_marked(one, mark) for one in failed(status))


def failed(status: TargetStatus) -> list[JudgedRevision]:
    """Return the bad revisions, newest first."""
    return [one for one in status.verdicts if one.verdict == "Bad"]


def is_troubled(snapshot: RunbookSnapshot, target: Target) -> bool:
    """True if a metric or health endpoint that judges the target is Critical now."""
    return any(one.track.level == "Critical" for one in judges(snapshot, target))


def is_due(snapshot: RunbookSnapshot, status: TargetStatus) -> bool:
    """True if a workload without a watch must be read at every visit."""
    return status.watch is not None or bool(snapshot.runbook.spec and snapshot.runbook.spec.deployments.guards)


def due(snapshot: RunbookSnapshot) -> Iterator[datetime]:
    """Yield the ends of windows, and when to check again for a revision that has no watch or no stored template yet."""
    spec, namespace = snapshot.runbook.spec, snapshot.runbook.meta.ref.namespace
    told = {one.name: one for one in snapshot.runbook.status.targets}
    for target in spec.targets if spec else ():
        status, workload = told.get(target.name), target.refs(namespace).workload
        if spec is None or status is None or workload is None:
            continue
        if status.watch is not None:
            yield moment(status.watch.until)
        kind, observed = (workload.api_version, workload.kind), snapshot.observed.get(workload)
        if (
            status.watch is not None
            and isinstance(observed, ObservedObject)
            and is_standing_still(observed, status.watch, snapshot.now)
        ):
            yield still_until(status.watch)
        is_unwatched = kind in KINDS and kind not in ALWAYS_WATCHED and spec.deployments.guards
        if is_unwatched or (kind in KINDS and isinstance(observed, ObservedObject) and _new_mark(observed, status)):
            yield snapshot.now + LOOKED_AT_EVERY


def signals(snapshot: RunbookSnapshot) -> Mapping[str, tuple[Signal, ...]]:
    """Return the guard's signal for each target, by the name of the kill switch that a bad revision engages."""
    spec = snapshot.runbook.spec
    action = spec.deployments.first_action if spec else None
    if spec is None or action is None:
        return {}
    told = {one.name: one for one in snapshot.runbook.status.targets}
    targets = [(one, told[one.name]) for one in spec.targets if one.workload and one.name in told]
    return {action.engage: tuple(_signal(snapshot, target, status) for target, status in targets)}


def _on_new_revision(
    snapshot: RunbookSnapshot, target: Target, observed: ObservedObject, status: TargetStatus
) -> TargetStatus:
    """Return the status after a change of the workload's revision, if there was one."""
    mark = _new_mark(observed, status)
    if mark is None:
        return status
    if not status.verdicts:
        return _with(observed, status, _judged(snapshot, Version(mark.number, mark), "Unproven", FIRST))
    version, live = workload_revisions.version(snapshot, observed, mark), _known(snapshot, observed, status.verdicts[0])
    if version is None or workload_revisions.is_replaced_by_rollback(snapshot, observed, version):
        return status
    status = status.replace(verdicts=[live, *status.verdicts[1:]])
    if _is_same_version(snapshot, observed, live, version):
        return _renumbered(status, version)
    if workload_revisions.is_rolled_back_to(snapshot, observed, version, moment(live.since)):
        return _on_rollback(snapshot, observed, status, version)
    return _open_window(snapshot, target, observed, status, version)


def _new_mark(observed: ObservedObject, status: TargetStatus) -> Mark | None:
    """Return the mark of the live revision if it differs from the recorded one, else None."""
    mark = workload_revisions.marked(observed) if is_observed(observed) else None
    is_noted = mark is not None and bool(status.verdicts) and workload_revisions.is_marked(status.verdicts[0], mark)
    return None if is_noted else mark


def _known(snapshot: RunbookSnapshot, observed: ObservedObject, live: JudgedRevision) -> JudgedRevision:
    """Return the revision with its digest; that of a workload's first one is read only when another one comes."""
    found = None if live.digest else workload_revisions.version(snapshot, observed, workload_revisions.mark_of(live))
    return live.replace(digest=found.digest) if found else live


def _is_same_version(
    snapshot: RunbookSnapshot, observed: ObservedObject, live: JudgedRevision, version: Version
) -> bool:
    """True if only a restart or a switch's flag is new; without digests, True only if a switch holds a flag."""
    if version.digest and live.digest:
        return version.digest == live.digest
    return workload_revisions.is_flagged(snapshot, observed.uid)


def _renumbered(status: TargetStatus, version: Version) -> TargetStatus:
    live, watch = status.verdicts[0], status.watch
    number, template = version.number, version.mark.template
    if watch and watch.since == live.since:
        watch = watch.replace(revision=number, template=template)
    same = live.replace(revision=number, template=template, digest=version.digest)
    return status.replace(watch=watch, verdicts=[same, *status.verdicts[1:]])


def _on_rollback(
    snapshot: RunbookSnapshot, observed: ObservedObject, status: TargetStatus, version: Version
) -> TargetStatus:
    """Record a rollback, which is no deployment: the verdict of the revision stands, and a bad one stays watched."""
    old = next((one for one in status.verdicts if one.digest == version.digest), None)
    verdict, reason = (old.verdict, _after_rollback_text(old, version)) if old else ("Unproven", ROLLED_BACK_TO)
    left = _end_window(status, f"a switch rolled back to revision {version.number} before its window ended")
    return _with(observed, left, _judged(snapshot, version, verdict, reason).replace(rolled_back_to=True))


def _after_rollback_text(old: JudgedRevision, version: Version) -> str:
    """Return the reason for a version that a switch brought back and that may now have another number."""
    known = old.reason.partition(BEFORE)[2] or old.reason if old.rolled_back_to else old.reason
    number = f" as revision {version.number}" if version.number else ""
    return f"{ROLLED_BACK_TO}{number}{BEFORE}{known}"


def _open_window(
    snapshot: RunbookSnapshot, target: Target, observed: ObservedObject, status: TargetStatus, version: Version
) -> TargetStatus:
    """Record a deployment: open its window, and end the watch of the revision before."""
    left = _end_window(status, f"revision {version.number} was deployed before its window ended")
    left = left.replace(watch=None)
    if why := why_unjudged(snapshot, target):
        return _with(observed, left, _judged(snapshot, version, "Unproven", f"not watched: {why}"))
    # Without a watch, metrics may show the effects of a revision before the operator reads the revision.
    late = timedelta() if (observed.ref.api_version, observed.ref.kind) in ALWAYS_WATCHED else LOOKED_AT_EVERY
    every = judges(snapshot, target)
    watch = WatchedRevision(
        revision=version.number,
        template=version.mark.template,
        since=timestamp(snapshot.now),
        until=timestamp(_until(snapshot, snapshot.now)),
        before=[one.name for one in every if one.was_bad(snapshot.now - late)],
    )
    entry = _judged(snapshot, version, "Watching", f"watched until {watch.until}")
    return _with(observed, left.replace(watch=watch), entry)


def _end_window(status: TargetStatus, why: str) -> TargetStatus:
    """Return the status after another revision replaced the live one; an open window ends as Unproven."""
    live = status.verdicts[0]
    if live.verdict != "Watching":
        return status
    return _ended(status, live, "Unproven", why)


def _with(observed: ObservedObject, status: TargetStatus, entry: JudgedRevision) -> TargetStatus:
    """Return the status with this revision as the live one; it replaces an older entry of the same version."""
    older = [one for one in status.verdicts if not entry.digest or one.digest != entry.digest]
    return status.replace(uid=observed.uid, verdicts=[entry, *older][:MAX_REVISIONS])


def _judged(snapshot: RunbookSnapshot, version: Version, verdict: Verdict, reason: str) -> JudgedRevision:
    return JudgedRevision(
        revision=version.number,
        template=version.mark.template,
        digest=version.digest,
        verdict=verdict,
        since=timestamp(snapshot.now),
        reason=reason,
    )


def _watched(snapshot: RunbookSnapshot, target: Target, observed: ObservedObject, status: TargetStatus) -> TargetStatus:
    """Return the status after the revision under watch was judged."""
    watch = status.watch
    entry = guard_messages.suspect(status)
    if watch is None or entry is None:
        return status.replace(watch=None)
    if why := why_unjudged(snapshot, target):
        ended = _ended(status, entry, "Unproven", f"no longer watched: {why}")
        return ended if entry.verdict == "Watching" else status.replace(watch=None)
    case = _case(snapshot, target, observed, status, watch)
    status = status.replace(watch=case.looked)
    if entry.verdict == "Bad":
        return status.replace(watch=None) if _is_over(snapshot, case) else status
    if case.evidence:
        why, advice = (
            guard_messages.reason(snapshot, case.evidence),
            guard_messages.advice(snapshot, target, observed, status),
        )
        return status.replace(verdicts=_replaced(status, entry, "Bad", why, advice))
    if snapshot.now >= case.until:
        return _ended(status, entry, *case.outcome)
    return status.replace(verdicts=_replaced(status, entry, "Watching", case.reason))


def _case(
    snapshot: RunbookSnapshot, target: Target, observed: ObservedObject, status: TargetStatus, watch: WatchedRevision
) -> Case:
    opened, is_live = moment(watch.since), guard_messages.suspect(status) is status.verdicts[0]
    excuse = intended_downtime.excuse(snapshot, target.refs(snapshot.runbook.meta.ref.namespace), observed, opened)
    return Case(watch, judges(snapshot, target), _until(snapshot, opened), is_live, snapshot.now, observed, excuse)


def _is_over(snapshot: RunbookSnapshot, case: Case) -> bool:
    """True if all that was Critical is Ok again, and the window has ended or the revision is no longer live."""
    if any(one.level != "Ok" for one in case.judges if one.name in case.judged_by):
        return False
    return snapshot.now >= case.until or not case.is_live


def _ended(status: TargetStatus, entry: JudgedRevision, verdict: Verdict, reason: str) -> TargetStatus:
    return status.replace(watch=None, verdicts=_replaced(status, entry, verdict, reason))


def _replaced(
    status: TargetStatus, entry: JudgedRevision, verdict: Verdict, reason: str, advice: str = ""
) -> list[JudgedRevision]:
    new = entry.replace(verdict=verdict, reason=reason, advice=advice)
    return [new if one is entry else one for one in status.verdicts]


def _until(snapshot: RunbookSnapshot, since: datetime) -> datetime:
    assert snapshot.runbook.spec  # noqa: S101 # it declares the target
    return since + duration(snapshot.runbook.spec.deployments.monitor_for)


def _signal(snapshot: RunbookSnapshot, target: Target, status: TargetStatus) -> Signal:
    """Return Engage while evidence against a bad revision is Critical, Release when all of it is Ok."""
    entry = guard_messages.suspect(status)
    saw = status.watch.judged_by if status.watch else []
    speaking = [one for one in judges(snapshot, target) if one.name in saw]
    levels = {one.level for one in speaking}
    if entry is None or entry.verdict != "Bad" or levels <= {"Ok"}:
        return Signal("Deployment", target.name, "Release")
    word: Override = "Engage" if "Critical" in levels else "Unknown"
    namespace = snapshot.runbook.meta.ref.namespace
    blind = any(one.track.level in ("Unknown", "Stale") for one in speaking)
    return Signal(
        "Deployment", target.name, word, guard_messages.sentence(target.refs(namespace).refs[0], entry), blind
    )
