"""Messages about revisions: which one is bad and why, where a rollback goes, and what makes that permanent."""

from collections.abc import Mapping, Sequence

from runbook_operator.actions.rollback import RollbackSpec
from runbook_operator.api.action_union import OneAction
from runbook_operator.api.conditions import Condition, Finding, condition
from runbook_operator.api.deployment_guard_spec import JudgedRevision, Verdict
from runbook_operator.api.parsing import switch_name
from runbook_operator.api.runbook import RunbookStatus, TargetStatus
from runbook_operator.api.target_specs import Target
from runbook_operator.core.kubectl_commands import throw
from runbook_operator.core.notices import Notice
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.pod_templates import Revision
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.deployments import workload_revisions
from runbook_operator.deployments.evidence import Judge, describe_reading
from runbook_operator.reconcile.automation_pauses import pause
from runbook_operator.reconcile.snapshot import RunbookSnapshot

REASONS: Mapping[Verdict, Reason] = {
    "Watching": Reason.NEW_REVISION,
    "Good": Reason.GOOD_REVISION,
    "Bad": Reason.BAD_REVISION,
    "Unproven": Reason.UNPROVEN_REVISION,
}
REVISION_BAD = "RevisionBad"
"""The condition that is present while the last deployed version is bad, whatever a switch did about it."""
LABELS: Mapping[Verdict, str] = {"Watching": "new", "Good": "good", "Bad": "bad", "Unproven": "unproven"}


def suspect(status: TargetStatus) -> JudgedRevision | None:
    """Return the revision under watch, or None; also None if its verdict is no longer kept."""
    return next((one for one in status.verdicts if status.watch and one.since == status.watch.since), None)


def sentence(workload: Ref, entry: JudgedRevision) -> str:
    """Describe a revision and its verdict in a sentence."""
    name = f"revision {entry.revision}" if entry.revision else "the revision"
    return f"{name} of {workload} is {LABELS[entry.verdict]}: {entry.reason}"


def reason(snapshot: RunbookSnapshot, evidence: Sequence[Judge]) -> str:
    """Return why the revision under watch is bad."""
    return "; ".join(describe_reading(snapshot, one) for one in evidence)


def advice(snapshot: RunbookSnapshot, target: Target, observed: ObservedObject, status: TargetStatus) -> str:
    """Describe what is done about a bad revision, and what to change in Git; raises NeedsRead for its revisions."""
    assert status.watch  # noqa: S101 # it is judged
    kept, number = workload_revisions.keepers(snapshot, observed) or (), status.watch.revision
    bad = next((one for one in kept if one.number == number), None)
    rollback = _rollback(snapshot, target)
    back = _rollback_choice(kept, status, bad, rollback.to_revision if rollback else None)
    return f"{_done(snapshot, rollback, back)}. {_in_git(bad, back)}"


def revision_notices(snapshot: RunbookSnapshot, status: RunbookStatus) -> tuple[Notice, ...]:
    """Return the Events about revisions that go with this status: one on the Runbook and one on the workload each."""
    before = {one.name: one.verdicts for one in snapshot.runbook.status.targets}
    return tuple(
        notice
        for one in status.targets
        for entry in one.verdicts
        if _is_news(entry, one, before.get(one.name, ()))
        for notice in _notices(snapshot, one, entry)
    )


def conditions(snapshot: RunbookSnapshot, targets: Sequence[TargetStatus]) -> list[Condition]:
    """Return the condition RevisionBad, until another version is deployed; [] if no revision is bad."""
    old, spec, generation = snapshot.runbook.status.conditions, snapshot.runbook.spec, snapshot.runbook.meta.generation
    if spec is None:
        return [one for one in old if one.type == REVISION_BAD]
    namespace, texts = snapshot.runbook.meta.ref.namespace, []
    for one in targets:
        deployed = next((entry for entry in one.verdicts if not entry.rolled_back_to), None)
        workload = spec.target(one.name, namespace).workload
        if workload and deployed and deployed.verdict == "Bad":
            texts.append(". ".join(filter(None, (sentence(workload, deployed), deployed.advice))))
    finding = Finding(True, Reason.BAD_REVISION, "; ".join(texts))
    return [condition(old, REVISION_BAD, finding, generation, snapshot.now)] if texts else []


def _is_news(entry: JudgedRevision, status: TargetStatus, before: Sequence[JudgedRevision]) -> bool:
    """True if its window has just opened or ended; a revision that was never watched gives no Event."""
    was = next((one.verdict for one in before if one.since == entry.since), None)
    opened = was is None and status.watch is not None and status.watch.since == entry.since
    return opened or (was == "Watching" and entry.verdict != "Watching")


def _notices(snapshot: RunbookSnapshot, status: TargetStatus, entry: JudgedRevision) -> tuple[Notice, ...]:
    meta, spec = snapshot.runbook.meta, snapshot.runbook.spec
    assert spec  # noqa: S101 # what was judged is declared
    workload = spec.target(status.name, meta.ref.namespace).workload
    assert workload  # noqa: S101 # what was judged is declared
    text = ". ".join(filter(None, (sentence(workload, entry), entry.advice)))
    identity = f"{meta.uid}.{status.name}.{entry.since}.{entry.verdict}"
    about = ((meta.ref, meta.uid), (workload, status.uid))
    bad = entry.verdict == "Bad"
    return tuple(Notice(ref, uid, REASONS[entry.verdict], text, identity, bad) for ref, uid in about)


def _rollback(snapshot: RunbookSnapshot, target: Target) -> RollbackSpec | None:
    """Return the rollback of this target that a bad revision engages, or None."""
    actions = (one.spec for one in _engaged(snapshot) if one.target == target.name)
    return next((one for one in actions if isinstance(one, RollbackSpec)), None)


def _rollback_choice(
    kept: Sequence[Revision], status: TargetStatus, bad: Revision | None, number: int | None
) -> Revision | None:
    """Return the revision that a rollback would choose; same rule as actions/rollback_revisions."""
    if number is not None:
        return next((one for one in kept if number == one.number or number in one.before), None)
    marks = [workload_revisions.mark_of(one) for one in status.good]
    others = [one for one in kept if bad and one.digest != bad.digest]
    good = next((one for one in others if any(mark.means(one) for mark in marks)), None)
    return good or next((one for one in others if bad and one.number < bad.number), None)


def _engaged(snapshot: RunbookSnapshot) -> Sequence[OneAction]:
    """Return the actions of the kill switch that a bad revision engages."""
    spec = snapshot.runbook.spec
    first = spec.deployments.first_action if spec else None
    entry = snapshot.runbook.entry(first.engage) if first else None
    return entry.actions if entry else ()


def _done(snapshot: RunbookSnapshot, rollback: RollbackSpec | None, back: Revision | None) -> str:
    assert snapshot.runbook.spec  # noqa: S101 # it is judged by it
    first = snapshot.runbook.spec.deployments.first_action
    if first is None:
        return "The operator does nothing about it, since deployments.firstAction is not set"
    where = (
        "is engaged" if rollback is None else f"rolls back to revision {back.number}" if back else "rolls back from it"
    )
    switch = snapshot.switches.get(switch_name(snapshot.runbook.meta.ref.name, first.engage))
    held = pause(snapshot.runbook, switch, snapshot.now) if switch else ""
    if not switch or not held:
        return f"Kill switch {first.engage} {where}"
    now = "" if snapshot.runbook.spec.mode == "Observe" else f". To do so now: {throw(switch.meta.ref, 'bad revision')}"
    text = f"It {where} once no gate blocks it, if the revision is still bad then"
    return f"Kill switch {first.engage} is blocked: {held}. {text}{now}"


def _in_git(bad: Revision | None, back: Revision | None) -> str:
    """Describe the change in Git without which the next sync brings the bad revision back."""
    if bad is None or back is None:
        return "To make the rollback permanent, revert the change in Git"
    found = workload_revisions.changes(bad.template, back.template)
    return (
        f"To make the rollback permanent, change in Git: {found or f'the pod template, as in revision {back.number}'}"
    )
