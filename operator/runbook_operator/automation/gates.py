"""Gates before an automatic engagement: the reasons why automatic sources may not engage a switch now.

Gates are checked only before an automatic engagement begins. They affect no engaged switch, no release and no override
by a person. The first closed gate is reported.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product

from runbook_operator.actions.scaling.replica_amounts import ScaleAmount, amount
from runbook_operator.api.action_union import OneAction
from runbook_operator.api.conditions import clock_time, find, moment
from runbook_operator.api.monitoring_spec import EntryStatus
from runbook_operator.api.parsing import RunbookObject
from runbook_operator.api.runbook import KillSwitch, RunbookSpec
from runbook_operator.api.switch import Hold, SwitchStatus
from runbook_operator.automation.active_signals import active_signals
from runbook_operator.core.kubectl_commands import set_spec
from runbook_operator.core.observed_object import REPLICAS, Missing, ObservedObject
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.rollout_progress import KINDS, ROLLED_OUT_BY, is_rolling_out, kind_of, ready_pods
from runbook_operator.holds.write_gates import first_closed
from runbook_operator.monitoring.declared_monitors import settle_of
from runbook_operator.monitoring.intended_downtime import is_down
from runbook_operator.reconcile.automation_pauses import Gate, cooling, maintenance, suspension
from runbook_operator.reconcile.snapshot import BUDGETED, Snapshot


@dataclass(frozen=True)
class Case:
    """An automatic engagement that is about to begin; `holds` are only those that a current signal confirms."""

    snapshot: Snapshot
    runbook: RunbookObject
    spec: RunbookSpec
    entry: KillSwitch
    holds: Sequence[Hold]

    @property
    def by_metrics(self) -> bool:
        return bool(self.holds) and all(one.source == "Metric" for one in self.holds)

    @property
    def workloads(self) -> Iterator[tuple[OneAction, Ref]]:
        """Each action that acts on a declared workload, with that workload."""
        for act in self.entry.actions:
            if ref := self.spec.target(act.target, self.runbook.meta.ref.namespace).workload:
                yield act, ref


def closed(snapshot: Snapshot, holds: Sequence[Hold]) -> Gate | None:
    """Return the first gate that keeps these holds from engaging the switch; raises NeedsRead to count pods."""
    runbook, entry = snapshot.runbook, snapshot.entry
    if runbook is None or runbook.spec is None or entry is None:
        return None
    case = Case(snapshot, runbook, runbook.spec, entry, confirmed(snapshot, holds))
    return first_closed(GATES, case)


def confirmed(snapshot: Snapshot, holds: Sequence[Hold]) -> list[Hold]:
    """Return the holds that a signal confirms now; the cause of any other may be over without data to show it."""
    said = {(one.source, one.name) for one in active_signals(snapshot) if one.verdict == "Engage"}
    return [one for one in holds if (one.source, one.name) in said]


def is_blocked_by_gate(status: SwitchStatus) -> bool:
    """True if the status reports that a gate keeps an automatic hold from engaging the switch."""
    told = find(status.conditions, "Automatic")
    holds = [one for one in status.holds if one.source != "Person"]
    return bool(holds) and status.record is None and told is not None and told.reason in GATE_REASONS


def _suspended(case: Case) -> Gate | None:
    return suspension(case.runbook, case.snapshot.now)


def _maintained(case: Case) -> Gate | None:
    return maintenance(case.spec, case.snapshot.now)


def _unconfirmed(case: Case) -> Gate | None:
    if case.holds:
        return None
    return Gate(Reason.UNCONFIRMED, "no current data confirms the earlier reason to engage the switch")


def _suppressed(case: Case) -> Gate | None:
    told = {one.name: one for one in case.runbook.status.dependencies}
    for one in case.spec.dependencies:
        if case.entry.name in one.suppress and one.name in told and _is_down(told[one.name]):
            impact = f" ({one.impact_if_down})" if one.impact_if_down else ""
            text = f"dependency {one.name} is down{impact}, and the switch would not help against that"
            return Gate(Reason.DEPENDENCY_SUPPRESSED, text)
    return None


def _is_down(told: EntryStatus) -> bool:
    """True if the dependency is down by the last known level: missing data is no good news."""
    return (told.known if told.level == "Stale" else told.level) == "Critical"


def _deploying(case: Case) -> Gate | None:
    """Close during a rollout, except for a rollback and for a hold of the deployment guard, which respond to it."""
    if any(act.kind == "rollback" for act in case.entry.actions) or any(o.source == "Deployment" for o in case.holds):
        return None
    if case.snapshot.now >= min(moment(one.since) for one in case.holds) + ROLLED_OUT_BY:
        return None
    for _, ref in case.workloads:
        observed = case.snapshot.observed.get(ref)
        if isinstance(observed, ObservedObject) and kind_of(observed) in KINDS and is_rolling_out(observed):
            return Gate(Reason.DEPLOYMENT_IN_PROGRESS, f"a rollout of {ref} is under way")
    return None


def _held_down(case: Case) -> Gate | None:
    """Close if another switch holds the target down: its metrics then report the effect of that switch."""
    since = min((moment(one.since) for one in case.holds), default=case.snapshot.now)
    namespace, claims = case.runbook.meta.ref.namespace, case.snapshot.claims if case.by_metrics else ()
    for act, claim in product(case.entry.actions, claims):
        target = case.spec.target(act.target, namespace)
        observed = case.snapshot.observed.get(target.workload) if target.workload else None
        uid = observed.uid if isinstance(observed, ObservedObject) else ""
        if is_down(claim, target, uid) and claim.order[0] and moment(claim.order[0]) < since:
            does = "blocks the traffic of" if claim.field != REPLICAS else "holds at 0"
            text = f"switch {claim.switch.name} {does} target {act.target} and did so before the signal began"
            return Gate(Reason.TARGET_HELD_DOWN, f"{text}; release that switch first, or throw this one by hand")
    return None


def _settling(case: Case) -> Gate | None:
    history = case.snapshot.switch.status.history
    if not history or not case.by_metrics:
        return None
    declared, acted = {one.name: one for one in case.spec.metrics}, moment(history[0].released_at)
    languages = case.snapshot.languages
    ends = [(acted + settle_of(declared[one.name], languages), one.name) for one in case.holds if one.name in declared]
    until, name = min(ends, default=(case.snapshot.now, ""))
    if case.snapshot.now >= until:
        return None
    text = f"metric {name} includes samples from before the last engagement of this switch, until {clock_time(until)}"
    return Gate(Reason.SETTLING, text, until)


def _cooling(case: Case) -> Gate | None:
    return cooling(case.snapshot.switch, case.spec, case.snapshot.now)


def _ineffective(case: Case) -> Gate | None:
    most, meta = case.spec.automation.ineffective_after, case.snapshot.switch.meta
    if not most or not case.by_metrics:
        return None
    tried = [one for one in case.snapshot.switch.status.history if one.source == "Metric"][:most]
    failed = [one for one in tried if one.helped is False and one.generation == meta.generation]
    if len(failed) < most:
        return None
    # The id makes the reason new each time: a patch that changes nothing does not raise the generation.
    command = set_spec(meta.ref, reason=f"checked {tried[0].engagement_id}")
    text = f"{most} automatic engagements in a row did not help; find the cause, then allow the next one"
    return Gate(Reason.INEFFECTIVE, f"{text}: {command}")


def _exhausted(case: Case) -> Gate | None:
    acts, own, every = (
        case.snapshot.automatic_engagements,
        case.spec.automation.acts_per_hour,
        case.snapshot.policy.acts_per_hour,
    )
    return _used_up(acts.of_runbook, own, f"the Runbook's {own} automatic engagements per hour") or _used_up(
        acts.of_all, every, f"the cluster's {every} automatic engagements per hour (RUNBOOK_ACTS_PER_HOUR)"
    )


def _used_up(times: Sequence[datetime], most: int, what: str) -> Gate | None:
    """Close until fewer than `most` of the times, which are in order, lie within the hour."""
    if len(times) < most:
        return None
    until = times[-most] + BUDGETED if most else None
    return Gate(Reason.BUDGET_EXHAUSTED, f"{what} are used up{(f' until {clock_time(until)}' if until else '')}", until)


def _crowded(case: Case) -> Gate | None:
    """Close at the limit of Runbooks that act at once; a Runbook that acts already may engage its other switches."""
    own, acting, policy = case.runbook.meta.ref, case.snapshot.automatic_engagements.acting, case.snapshot.policy
    if own in acting:
        return None
    near = sum(1 for one in acting if one.namespace == own.namespace)
    for where, found, most, setting in (
        ("namespace", near, policy.acting_per_namespace, "RUNBOOK_ACTING_PER_NAMESPACE"),
        ("cluster", len(acting), policy.acting_in_cluster, "RUNBOOK_ACTING_IN_CLUSTER"),
    ):
        if found >= most:
            text = f"at most {most} Runbooks of a {where} may have automatic engagements at once ({setting})"
            return Gate(Reason.BLAST_RADIUS, text)
    return None


def _short_of_pods(case: Case) -> Gate | None:
    least = case.spec.automation.min_ready_pods
    for act, ref in case.workloads if least else ():
        left = _left(act, case.snapshot, ref)
        if left is not None and left < least:
            text = (
                f"{act.kind} needs at least {least} ready pods of {ref} before and after it, and there would be fewer"
            )
            return Gate(Reason.MIN_READY_PODS, f"{text} (spec.automation.minReadyPods)")
    return None


def _left(act: OneAction, snapshot: Snapshot, ref: Ref) -> int | None:
    """Return the ready pods now, or those left by a scale down; None for a rollback, a scale up, or if uncounted."""
    if act.kind == "rollback":
        return None
    observed = snapshot.require(ref)
    if isinstance(observed, Missing):
        return 0
    ready = ready_pods(observed)
    if ready is None or not isinstance(act.spec, ScaleAmount):
        return ready
    number = amount(act.spec, observed.replicas)
    return min(ready, number) if number <= observed.replicas else None


GATES: tuple[Callable[[Case], Gate | None], ...] = (
    _suspended,
    _maintained,
    _unconfirmed,
    _suppressed,
    _deploying,
    _held_down,
    _settling,
    _cooling,
    _ineffective,
    _exhausted,
    _crowded,
    _short_of_pods,
)
GATE_REASONS = frozenset(
    {
        Reason.SUSPENDED,
        Reason.MAINTENANCE_WINDOW,
        Reason.INVALID_SPEC,
        Reason.UNCONFIRMED,
        Reason.DEPENDENCY_SUPPRESSED,
        Reason.DEPLOYMENT_IN_PROGRESS,
        Reason.TARGET_HELD_DOWN,
        Reason.SETTLING,
        Reason.COOL_DOWN,
        Reason.INEFFECTIVE,
        Reason.BUDGET_EXHAUSTED,
        Reason.BLAST_RADIUS,
        Reason.MIN_READY_PODS,
    }
)
"""The reasons of the gates."""
