"""Reconcile containers' probes with the health endpoints that declare them: report drift, set and restore.

The original is saved in the status before a change. One write changes all probes of a workload, since each write
replaces its pods.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from runbook_operator.api.conditions import Condition, Finding, condition, moment
from runbook_operator.api.monitoring_spec import HealthEndpoint
from runbook_operator.api.probe_status import ProbeStatus
from runbook_operator.api.switch import FINALIZER
from runbook_operator.core.accounts import named as named_account
from runbook_operator.core.desired_fields import Refused
from runbook_operator.core.notices import Notice
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.queries import NeedsRead, Query
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.probes import probe_gates, probe_not_in_force, probe_writes
from runbook_operator.probes.container_probe import Case, Decision, decide_declared, decide_undeclared, named
from runbook_operator.probes.desired_probe import container_probe_of
from runbook_operator.probes.probe_writes import Written
from runbook_operator.reconcile.snapshot import RunbookSnapshot
from runbook_operator.reconcile.steps import DeleteSwitch, RunbookStep, SetFinalizers, WriteStatus
from runbook_operator.switches.owned_switches import is_owned

ORPHANS = "orphan"
"""The finalizer of a deletion that keeps the owned objects: `kubectl delete --cascade=orphan`."""
DRIFT = "ProbeDrift"
"""The condition that is present while a probe differs from what is declared."""
AGAIN = timedelta(seconds=10)
"""Requeue interval while a probe is pending, since no watch reports the end of every rollout."""
LASTING = (
    *(Reason.OBSERVING, Reason.NO_ACCOUNT, Reason.ACTION_NOT_ALLOWED, Reason.GITOPS),
    Reason.NOT_RESTARTABLE,
)
"""Reasons why a probe is not set that last until a person changes something."""


@dataclass(frozen=True)
class Plan:
    """The new status entries, their Events, and the writes that follow the status."""

    entries: list[ProbeStatus]
    notices: tuple[Notice, ...]
    writes: dict[tuple[Ref, str | None], tuple[ObservedObject, list[Written]]]
    """By workload and service account."""

    @property
    def holds(self) -> bool:
        return any(one.held for one in self.entries)


def next_step(snapshot: RunbookSnapshot) -> RunbookStep | None:
    """Return the next step about probes, None if nothing is left to do. Raises NeedsRead.

    A Runbook that does not parse leaves probes as they are. For a deleted one, first delete its switches, which may
    block the probes and which the garbage collector would delete anyway; then restore the probes.
    """
    runbook = snapshot.runbook
    if runbook.meta.deleting and FINALIZER not in runbook.meta.finalizers:
        return None
    if runbook.spec is None and not runbook.meta.deleting:
        return None
    return _doomed_switch(snapshot) or _step(snapshot, _plan(snapshot))


def conditions(snapshot: RunbookSnapshot) -> list[Condition]:
    """Return the condition ProbeDrift for the drift in the status; [] without drift."""
    drifted = [one for one in snapshot.runbook.status.probes if one.drift]
    if not drifted:
        return []
    first, more = drifted[0], f"; and {len(drifted) - 1} more" if len(drifted) > 1 else ""
    why = f" ({first.message})" if first.message else ""
    finding = Finding(True, Reason(first.reason), f"{named(first)}: {first.drift}{why}{more}")
    old, generation = snapshot.runbook.status.conditions, snapshot.runbook.meta.generation
    return [condition(old, DRIFT, finding, generation, snapshot.now)]


def due(snapshot: RunbookSnapshot) -> Iterator[datetime]:
    """Yield when to reconcile again without an event."""
    for one in snapshot.runbook.status.probes:
        if one.reason == Reason.PROBE_PENDING:
            yield snapshot.now + AGAIN
        if one.restore_deadline:
            yield moment(one.restore_deadline)
    yield from (one.failed.due for one in snapshot.write_histories.values() if one.failed)
    yield from probe_not_in_force.due(snapshot)


def _step(snapshot: RunbookSnapshot, plan: Plan) -> RunbookStep | None:
    meta, old = snapshot.runbook.meta, snapshot.runbook.status
    new = old.replace(probes=plan.entries)
    if plan.holds and FINALIZER not in meta.finalizers:
        return SetFinalizers(meta, (*meta.finalizers, FINALIZER))
    if new != old:
        return WriteStatus(meta, new, plan.notices)
    if plan.writes:
        (ref, name), (observed, written) = next(iter(plan.writes.items()))
        return probe_writes.adjust(snapshot, observed, written, named_account(ref.namespace, name))
    if FINALIZER in meta.finalizers and not plan.holds and not probe_gates.failing(snapshot, meta.ref):
        return SetFinalizers(meta, tuple(one for one in meta.finalizers if one != FINALIZER))
    return None


def _doomed_switch(snapshot: RunbookSnapshot) -> DeleteSwitch | None:
    meta = snapshot.runbook.meta
    if not meta.deleting or ORPHANS in meta.finalizers:
        return None
    own = (one for one in snapshot.switches.values() if is_owned(snapshot, one))
    return next((DeleteSwitch(one.meta) for one in own if not one.meta.deleting), None)


def _plan(snapshot: RunbookSnapshot) -> Plan:
    cases = [] if snapshot.runbook.meta.deleting else _cases(snapshot)
    known = [case.old for case in cases]
    gone = [one for one in snapshot.runbook.status.probes if one.held and not any(one is old for old in known)]
    declared = [decide_declared(snapshot, case) for case in cases]
    left = [decide_undeclared(snapshot, one) for one in gone]
    writes: dict[tuple[Ref, str | None], tuple[ObservedObject, list[Written]]] = {}
    for one in (*left, *declared):
        if one.entry and one.observed and one.written:
            key = (one.observed.ref, one.entry.service_account_name)
            writes.setdefault(key, (one.observed, []))[1].extend(one.written)
    every: list[Decision] = [*declared, *left]
    return Plan([one.entry for one in every if one.entry], tuple(said for one in every for said in one.notices), writes)


def _cases(snapshot: RunbookSnapshot) -> list[Case]:
    """Return a case for each endpoint that is declared to be a probe; raises one NeedsRead for all missing reads."""
    found: list[Case] = []
    needed: set[Query] = set()
    for endpoint in snapshot.runbook.spec.health_endpoints if snapshot.runbook.spec else ():
        if endpoint.probe is None and not endpoint.enforce:
            continue
        try:
            found.append(_case(snapshot, endpoint, found))
        except NeedsRead as more:
            needed |= more.queries
    if needed:
        raise NeedsRead(needed)
    # An entry that another endpoint has taken over no longer belongs to this one.
    taken = [case.old for case in found if case.place and case.old]
    return [
        replace(case, old=None) if case.place is None and any(case.old is one for one in taken) else case
        for case in found
    ]


def _case(snapshot: RunbookSnapshot, endpoint: HealthEndpoint, before: Sequence[Case]) -> Case:
    olds = [one for one in snapshot.runbook.status.probes if one.name == endpoint.name]
    first = olds[0] if olds else None
    try:
        place = container_probe_of(snapshot, endpoint)
    except Refused as refused:
        return Case(endpoint, first, refused=refused)
    except NeedsRead:
        if len(olds) != 1 or _is_news(snapshot, endpoint, olds[0]):
            raise
        return Case(endpoint, first)
    twin = next((one.endpoint for one in before if one.place and one.place.key == place.key), None)
    if twin is not None:
        text = f"{place} is already declared by health endpoint {twin.name}; declare it in one of them only"
        return Case(endpoint, first, refused=Refused(Reason.INVALID_SPEC, text))
    held = (one for one in snapshot.runbook.status.probes if one.held and _key(one) == place.key)
    return Case(endpoint, next(chain(held, (one for one in olds if not one.held)), None), place)


def _key(entry: ProbeStatus) -> tuple[str, str, str | None]:
    return (entry.uid, entry.container, entry.probe)


def _is_news(snapshot: RunbookSnapshot, endpoint: HealthEndpoint, old: ProbeStatus) -> bool:
    """True if the probe should be read in this visit, as something may have changed or is unfinished."""
    observed = snapshot.observed.get(old.ref(snapshot.runbook.meta.ref.namespace))
    moved = isinstance(observed, ObservedObject) and (observed.uid, probe_gates.generation(observed)) != (
        old.uid,
        old.observed_generation,
    )
    waits = old.reason == Reason.PROBE_PENDING or (bool(old.held) and not endpoint.enforce)
    undone = endpoint.enforce and bool(old.drift) and old.reason not in LASTING
    return snapshot.thorough or moved or waits or undone
