"""Decide about one container's probe: its status entry, the writes that set or restore it, and its Events."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.monitoring_spec import HealthEndpoint
from runbook_operator.api.probe_status import HeldProbeField, ProbeStatus
from runbook_operator.core import field_values
from runbook_operator.core.desired_fields import Refused
from runbook_operator.core.field_manager_advice import author
from runbook_operator.core.notices import Notice
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.probe_fields import FIELDS, describe_change, differences, field_label
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.write_failures import Failed
from runbook_operator.holds import contests
from runbook_operator.holds.held_values import is_left
from runbook_operator.holds.write_gates import is_closed
from runbook_operator.probes import probe_gates, probe_writes
from runbook_operator.probes.desired_probe import ContainerProbe
from runbook_operator.probes.probe_not_in_force import unforced
from runbook_operator.probes.probe_writes import Written
from runbook_operator.reconcile.automation_pauses import Gate
from runbook_operator.reconcile.snapshot import RunbookSnapshot, require

UNSET: Mapping[str, Any] = {
    "service_account_name": None,
    "held": [],
    "pending": False,
    "set_at": None,
    "set_generation": 0,
    "times": 0,
}
GONE = (Reason.TARGET_NOT_FOUND, Reason.KIND_NOT_FOUND)
QUIET = frozenset(
    {
        *(Reason.PROBE_AS_DECLARED, Reason.PROBE_DRIFT, Reason.PROBE_PENDING, Reason.PROBE_ENFORCED),
        *(Reason.SUSPENDED, *GONE),
    }
)
"""Reasons without an Event of their own: other Events report drift and its correction, and Ready shows the rest."""
Why = Gate | Refused | Failed
"""The cause of a state, with its reason and its message."""
FINE = (Reason.PROBE_ENFORCED, Reason.PROBE_RESTORED, Reason.OBSERVING)

Observed = ObservedObject | None


@dataclass(frozen=True)
class Case:
    """A health endpoint that is declared to be a probe, and its last status entry.

    Without `place` and `refused` nothing new is known, and the old entry stays.
    """

    endpoint: HealthEndpoint
    old: ProbeStatus | None
    place: ContainerProbe | None = None
    refused: Refused | None = None


@dataclass(frozen=True)
class Decision:
    """The new status entry of a probe, its Events, and the writes to its workload; `entry` is None if it ends."""

    entry: ProbeStatus | None
    notices: tuple[Notice, ...] = ()
    observed: ObservedObject | None = None
    written: tuple[Written, ...] = ()


def decide_declared(snapshot: RunbookSnapshot, case: Case) -> Decision:
    """Decide about a health endpoint that is declared to be a probe; raises NeedsRead."""
    if case.place is None:
        new = case.old or ProbeStatus(name=case.endpoint.name, reason="", since="")
        declared = new.replace(probe=case.endpoint.probe, drift="")
        return _decision(snapshot, case.old, declared, None, case.refused) if case.refused else Decision(case.old)
    entry, observed = _entry(case, case.place), case.place.observed
    if case.endpoint.enforce:
        return _enforced(snapshot, case.old, entry, case.place)
    if not entry.held:
        return _decision(snapshot, case.old, entry, observed)
    if (leaving := _leaving(snapshot, case.old, entry, observed)) is not None:
        return leaving
    over = _decision(snapshot, case.old, entry.replace(**UNSET), observed)
    return Decision(over.entry, (*_over(snapshot, entry, observed), *over.notices))


def decide_undeclared(snapshot: RunbookSnapshot, entry: ProbeStatus) -> Decision:
    """Decide about a probe that was set and that no health endpoint declares any more; raises NeedsRead."""
    ref = entry.ref(snapshot.runbook.meta.ref.namespace)
    probe_writes.require_fresh_read(snapshot, ref)
    found, bare = require(snapshot.observed, ref, whole=True), entry.replace(drift="")
    if isinstance(found, Missing) and found.reason not in GONE:
        return _waiting(snapshot, entry, bare, Decision(None), Refused(found.reason, found.message))
    if isinstance(found, Missing) or found.uid != entry.uid:
        return Decision(None)
    return _leaving(snapshot, entry, bare, found) or Decision(None, _over(snapshot, bare, found))


def named(entry: ProbeStatus) -> str:
    """Return the probe as the subject of a sentence."""
    if entry.probe is None or not entry.container:
        return f"health endpoint {entry.name}"
    probe = f"{FIELDS[entry.probe]} of container {entry.container}"
    return f"health endpoint {entry.name}: {probe} in {entry.kind}/{entry.workload}"


def _enforced(
    snapshot: RunbookSnapshot, old: ProbeStatus | None, entry: ProbeStatus, place: ContainerProbe
) -> Decision:
    observed, entry = place.observed, _confirmed(snapshot, entry, place.observed)
    wanted = probe_writes.wanted(snapshot, place)
    known = {one.field: one.admitted for one in probe_writes.recorded(snapshot, observed)}
    record = [probe_writes.noted(one).replace(admitted=known.get(one.field)) for one in wanted]
    chosen, same = {one.field for one in record}, [(one.field, one.held) for one in record]
    left = [one for one in entry.held if (one.field, one.held) not in same and is_left(observed, one)]
    try:
        dropped = probe_writes.restoring(snapshot, observed, [one for one in left if one.field not in chosen])
    except Refused as refused:
        return _decision(snapshot, old, entry, observed, refused)
    written = [*dropped, *probe_writes.setting(place, wanted)]
    if not written:
        return _decision(snapshot, old, _unchanged(snapshot, entry, observed, record), observed)
    if (closed := probe_gates.closed(snapshot, place, entry)) is not None:
        return _decision(snapshot, old, entry, observed, closed)
    probe_writes.require_fresh_read(snapshot, observed.ref)
    undone = unforced(snapshot, observed, record) if entry.pending else None
    held = [*record, *(one.replace(leaving=True) for one in left)]
    if undone and is_closed(undone, snapshot.now):
        return _decision(snapshot, old, entry.replace(held=held), observed, undone)
    new = _begun(snapshot, entry, observed, held)
    decision = _decision(
        snapshot, old, new, observed, undone or _pending(snapshot, observed.ref, "it is being set"), written
    )
    return replace(decision, notices=(*_contested(snapshot, entry, observed), *decision.notices))


def _confirmed(snapshot: RunbookSnapshot, entry: ProbeStatus, observed: ObservedObject) -> ProbeStatus:
    """Return the entry, confirmed if the workload shows the fields; that generation's rollout is the operator's own."""
    stays, goes = ([one for one in entry.held if one.leaving is leaving] for leaving in (False, True))
    if not entry.pending or probe_gates.changed(observed, stays) or probe_gates.changed(observed, goes) != goes:
        return entry
    probe_writes.require_fresh_read(snapshot, observed.ref)
    return entry.replace(held=stays, pending=False, set_generation=probe_gates.generation(observed))


def _unchanged(
    snapshot: RunbookSnapshot, entry: ProbeStatus, observed: ObservedObject, record: list[HeldProbeField]
) -> ProbeStatus:
    """Return the entry of a probe that needs no write: with the fields that it holds now, unset if there are none."""
    if record == entry.held:
        return entry
    probe_writes.require_fresh_read(snapshot, observed.ref)
    now = {"held": record, "pending": False, "service_account_name": _account(snapshot)}
    return entry.replace(**now if record else UNSET)


def _begun(
    snapshot: RunbookSnapshot, entry: ProbeStatus, observed: ObservedObject, held: list[HeldProbeField]
) -> ProbeStatus:
    """Return the entry to write before the workload; it is pending until the workload shows the fields."""
    fought = probe_gates.is_fought(snapshot, observed, entry)
    update: dict[str, Any] = {"held": held, "service_account_name": _account(snapshot)}
    if entry.replace(**update) == entry and not fought:
        return entry
    times = entry.times + 1 if fought and contests.lasts(entry.set_at, snapshot.now, probe_gates.PATIENCE) else 1
    update |= {"pending": True, "set_at": timestamp(snapshot.now), "times": times}
    return entry.replace(**update)


def _account(snapshot: RunbookSnapshot) -> str | None:
    """Return the service account that the Runbook names now; the probe may have been set with an earlier one."""
    spec = snapshot.runbook.spec
    return spec.service_account_name if spec else None


def _leaving(
    snapshot: RunbookSnapshot, old: ProbeStatus | None, entry: ProbeStatus, observed: ObservedObject
) -> Decision | None:
    """Return the decision while something is left to restore, else None."""
    probe_writes.require_fresh_read(snapshot, observed.ref)
    entry = entry.replace(held=probe_writes.answered(snapshot, observed, entry, restoring=True))
    left = [one for one in entry.held if is_left(observed, one)]
    if not left:
        return None
    closed: Why | None = probe_gates.holder(snapshot, observed) or probe_gates.failing(snapshot, observed.ref)
    undone = unforced(snapshot, observed, [one.replace(held=one.saved) for one in left])
    written: Sequence[Written] = ()
    if closed is None and not (undone and is_closed(undone, snapshot.now)):
        try:
            written = probe_writes.restoring(snapshot, observed, left)
        except Refused as refused:
            closed = refused
    return _waiting(snapshot, old, entry, Decision(None, observed=observed, written=tuple(written)), closed or undone)


def _waiting(
    snapshot: RunbookSnapshot, old: ProbeStatus | None, entry: ProbeStatus, todo: Decision, hindered: Why | None
) -> Decision:
    """Report that the probe is to be restored; a deletion stops waiting after policy.restore_deadline if that fails."""
    ref = entry.ref(snapshot.runbook.meta.ref.namespace)
    if snapshot.runbook.meta.deleting:
        until = entry.restore_deadline or timestamp(snapshot.now + snapshot.policy.restore_deadline)
        if (hindered or probe_gates.failure(snapshot, ref)) and snapshot.now >= moment(until):
            return Decision(None, _given_up(snapshot, entry, todo.observed, hindered or _pending(snapshot, ref, "")))
        entry = entry.replace(restore_deadline=until)
    why = hindered or _pending(snapshot, ref, "the probe from before is being restored")
    return _decision(snapshot, old, entry, todo.observed, why, todo.written)


def _pending(snapshot: RunbookSnapshot, ref: Ref, text: str) -> Why:
    """Return the reason why a write is pending: the last one failed and is retried, or else `text`."""
    return probe_gates.failure(snapshot, ref) or Gate(Reason.PROBE_PENDING, text)


def _entry(case: Case, place: ContainerProbe) -> ProbeStatus:
    observed, old = place.observed, case.old or ProbeStatus(name=case.endpoint.name, reason="", since="")
    return old.replace(
        name=case.endpoint.name,
        probe=place.declared.kind,
        api_version=observed.ref.api_version,
        kind=observed.ref.kind,
        workload=observed.ref.name,
        uid=observed.uid,
        container=place.name,
        observed_generation=probe_gates.generation(observed),
        drift="; ".join(map(str, differences(place.container, place.declared))),
    )


def _decision(  # each argument is a part of the status entry
    snapshot: RunbookSnapshot,
    old: ProbeStatus | None,
    entry: ProbeStatus,
    observed: Observed,
    why: Why | None = None,
    written: Sequence[Written] = (),
) -> Decision:
    reason, message = (why.reason, why.message) if why else (_settled(entry), "")
    since = old.since if old and old.reason == reason else timestamp(snapshot.now)
    new = entry.replace(reason=reason.value, message=message, since=since)
    return Decision(new, tuple(_news(snapshot, old, new, observed)), observed, tuple(written))


def _settled(entry: ProbeStatus) -> Reason:
    unset = Reason.PROBE_DRIFT if entry.drift else Reason.PROBE_AS_DECLARED
    return Reason.PROBE_ENFORCED if entry.held else unset


def _news(snapshot: RunbookSnapshot, old: ProbeStatus | None, new: ProbeStatus, observed: Observed) -> Iterator[Notice]:
    """Yield Events about changes: new drift, the probe that was set, and reasons that need a person."""
    if new.drift and (old is None or old.drift != new.drift):
        yield from _notices(snapshot, new, observed, Reason.PROBE_DRIFT, new.drift)
    if old and old.pending and not new.pending and new.held:
        text = "; ".join(describe_change(one.field, one.saved, one.held) for one in new.held)
        yield from _notices(snapshot, new, observed, Reason.PROBE_ENFORCED, f"set {text}")
    if (old is None or old.reason != new.reason) and Reason(new.reason) not in QUIET:
        yield from _notices(snapshot, new, observed, Reason(new.reason), new.message)


def _over(snapshot: RunbookSnapshot, entry: ProbeStatus, observed: ObservedObject) -> tuple[Notice, ...]:
    """Return the Events for the end: the probe is restored, or another writer changed it and it is left as it is."""
    skipped = [one for one in entry.held if not field_values.shows(observed, one.field, one.saved)]
    if skipped:
        fields = ", ".join(field_label(one.field) for one in skipped)
        who = dict.fromkeys(author(observed.manager(one.field), one.field) for one in skipped)
        text = f"{fields} left as it is, since {' and '.join(who)} changed it after the operator set it"
        return _notices(snapshot, entry, observed, Reason.RESTORE_SKIPPED, text)
    text = "; ".join(describe_change(one.field, one.held, one.saved) for one in entry.held)
    return _notices(snapshot, entry, observed, Reason.PROBE_RESTORED, f"restored {text}")


def _contested(snapshot: RunbookSnapshot, entry: ProbeStatus, observed: ObservedObject) -> tuple[Notice, ...]:
    """Return the Events on the correction of a probe that another writer changed; () if there was no change."""
    if not probe_gates.is_fought(snapshot, observed, entry):
        return ()
    text = f"{probe_gates.changes(observed, entry.held)}; the operator sets it again. To end this: {probe_gates.ADVICE}"
    return _notices(snapshot, entry, observed, Reason.DRIFT_CORRECTED, text)


def _given_up(snapshot: RunbookSnapshot, entry: ProbeStatus, observed: Observed, why: Why) -> tuple[Notice, ...]:
    by_hand = "; ".join(describe_change(one.field, one.held, one.saved) for one in entry.held)
    text = f"could not be restored and is left as the operator set it; set by hand {by_hand}: {why.message}"
    return _notices(snapshot, entry, observed, Reason.NOT_RESTORED, text)


def _notices(
    snapshot: RunbookSnapshot, entry: ProbeStatus, observed: Observed, reason: Reason, text: str
) -> tuple[Notice, ...]:
    """Return one notice each on the Runbook and on the workload."""
    runbook = snapshot.runbook.meta
    about = [(runbook.ref, runbook.uid), *([(observed.ref, observed.uid)] if observed else [])]
    generations = f"{runbook.generation}.{entry.uid}.{entry.observed_generation}"
    identity = f"{runbook.uid}.{entry.name}.{reason}.{generations}.{entry.set_at}"
    message = f"Runbook {runbook.ref.name}, {named(entry)}: {text}"
    return tuple(Notice(ref, uid, reason, message, identity, reason not in FINE) for ref, uid in about)
