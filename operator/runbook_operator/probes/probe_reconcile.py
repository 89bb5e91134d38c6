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
from runbook_operator.core.observed_object import Seen
from runbook_operator.core.queries import Query, Unread
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.probes import probe_gates, probe_not_in_force, probe_writes
from runbook_operator.probes.container_probe import Case, Told, leave, named, tell
from runbook_operator.probes.desired_probe import place_of
from runbook_operator.probes.probe_writes import Written
from runbook_operator.reconcile.snapshot import RunbookWorld
from runbook_operator.reconcile.steps import DeleteSwitch, RunbookStep, SetFinalizers, WriteStatus
from runbook_operator.switches.owned_switches import is_owned

ORPHANS = "orphan"
"""The finalizer of a deletion that leaves what it owns: `kubectl delete --cascade=orphan`."""
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
    writes: dict[tuple[Ref, str | None], tuple[Seen, list[Written]]]
    """By workload and service account."""

    @property
    def holds(self) -> bool:
        return any(one.held for one in self.entries)


def next_step(world: RunbookWorld) -> RunbookStep | None:
    """Return the next step about probes, None if nothing is left to do. Raises Unread.

    A Runbook that does not parse leaves probes as they are. A deleted one first deletes its switches, which the garbage
    collector would delete anyway and which may block the probes, and then restores the probes.
    """
    runbook = world.runbook
    if runbook.meta.deleting and FINALIZER not in runbook.meta.finalizers:
        return None
    if runbook.spec is None and not runbook.meta.deleting:
        return None
    return _doomed_switch(world) or _step(world, _plan(world))


def conditions(world: RunbookWorld) -> list[Condition]:
    """Return the condition ProbeDrift for the drift in the status; [] without drift."""
    drifted = [one for one in world.runbook.status.probes if one.drift]
    if not drifted:
        return []
    first, more = drifted[0], f"; and {len(drifted) - 1} more" if len(drifted) > 1 else ""
    why = f" ({first.message})" if first.message else ""
    finding = Finding(True, Reason(first.reason), f"{named(first)}: {first.drift}{why}{more}")
    old, generation = world.runbook.status.conditions, world.runbook.meta.generation
    return [condition(old, DRIFT, finding, generation, world.now)]


def due(world: RunbookWorld) -> Iterator[datetime]:
    """Yield when to reconcile again without an event."""
    for one in world.runbook.status.probes:
        if one.reason == Reason.PROBE_PENDING:
            yield world.now + AGAIN
        if one.let_go_at:
            yield moment(one.let_go_at)
    yield from (one.failed.due for one in world.efforts.values() if one.failed)
    yield from probe_not_in_force.due(world)


def _step(world: RunbookWorld, plan: Plan) -> RunbookStep | None:
    meta, old = world.runbook.meta, world.runbook.status
    new = old.replace(probes=plan.entries)
    if plan.holds and FINALIZER not in meta.finalizers:
        return SetFinalizers(meta, (*meta.finalizers, FINALIZER))
    if new != old:
        return WriteStatus(meta, new, plan.notices)
    if plan.writes:
        (ref, name), (seen, written) = next(iter(plan.writes.items()))
        return probe_writes.adjust(world, seen, written, named_account(ref.namespace, name))
    if FINALIZER in meta.finalizers and not plan.holds and not probe_gates.failing(world, meta.ref):
        return SetFinalizers(meta, tuple(one for one in meta.finalizers if one != FINALIZER))
    return None


def _doomed_switch(world: RunbookWorld) -> DeleteSwitch | None:
    meta = world.runbook.meta
    if not meta.deleting or ORPHANS in meta.finalizers:
        return None
    own = (one for one in world.switches.values() if is_owned(world, one))
    return next((DeleteSwitch(one.meta) for one in own if not one.meta.deleting), None)


def _plan(world: RunbookWorld) -> Plan:
    cases = [] if world.runbook.meta.deleting else _cases(world)
    known = [case.old for case in cases]
    gone = [one for one in world.runbook.status.probes if one.held and not any(one is old for old in known)]
    declared = [tell(world, case) for case in cases]
    left = [leave(world, one) for one in gone]
    writes: dict[tuple[Ref, str | None], tuple[Seen, list[Written]]] = {}
    for one in (*left, *declared):
        if one.entry and one.seen and one.written:
            key = (one.seen.ref, one.entry.service_account_name)
            writes.setdefault(key, (one.seen, []))[1].extend(one.written)
    every: list[Told] = [*declared, *left]
    return Plan([one.entry for one in every if one.entry], tuple(said for one in every for said in one.notices), writes)


def _cases(world: RunbookWorld) -> list[Case]:
    """Return a case for each endpoint that is declared to be a probe; raises one Unread for all missing reads."""
    found: list[Case] = []
    unread: set[Query] = set()
    for endpoint in world.runbook.spec.health_endpoints if world.runbook.spec else ():
        if endpoint.probe is None and not endpoint.enforce:
            continue
        try:
            found.append(_case(world, endpoint, found))
        except Unread as more:
            unread |= more.queries
    if unread:
        raise Unread(unread)
    # An entry that another endpoint has taken over no longer belongs to this one.
    taken = [case.old for case in found if case.place and case.old]
    return [
        replace(case, old=None) if case.place is None and any(case.old is one for one in taken) else case
        for case in found
    ]


def _case(world: RunbookWorld, endpoint: HealthEndpoint, before: Sequence[Case]) -> Case:
    olds = [one for one in world.runbook.status.probes if one.name == endpoint.name]
    first = olds[0] if olds else None
    try:
        place = place_of(world, endpoint)
    except Refused as refused:
        return Case(endpoint, first, refused=refused)
    except Unread:
        if len(olds) != 1 or _is_news(world, endpoint, olds[0]):
            raise
        return Case(endpoint, first)
    twin = next((one.endpoint for one in before if one.place and one.place.key == place.key), None)
    if twin is not None:
        text = f"health endpoint {twin.name} is declared to be {place} already; declare it for one of them only"
        return Case(endpoint, first, refused=Refused(Reason.INVALID_SPEC, text))
    held = (one for one in world.runbook.status.probes if one.held and _key(one) == place.key)
    return Case(endpoint, next(chain(held, (one for one in olds if not one.held)), None), place)


def _key(entry: ProbeStatus) -> tuple[str, str, str | None]:
    return (entry.uid, entry.container, entry.probe)


def _is_news(world: RunbookWorld, endpoint: HealthEndpoint, old: ProbeStatus) -> bool:
    """True if the probe should be read in this visit."""
    seen = world.seen.get(old.ref(world.runbook.meta.ref.namespace))
    moved = isinstance(seen, Seen) and (seen.uid, probe_gates.generation(seen)) != (old.uid, old.observed_generation)
    waits = old.reason == Reason.PROBE_PENDING or (bool(old.held) and not endpoint.enforce)
    undone = endpoint.enforce and bool(old.drift) and old.reason not in LASTING
    return world.thorough or moved or waits or undone
