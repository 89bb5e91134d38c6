"""Decide about one container's probe: its status entry, the writes that set or restore it, and its Events."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.monitoring_spec import HealthEndpoint
from runbook_operator.api.probe_status import HeldField, ProbeStatus
from runbook_operator.core.desired_fields import Refused
from runbook_operator.core.field_manager_advice import author
from runbook_operator.core.notices import Notice
from runbook_operator.core.observed_object import Missing, Seen
from runbook_operator.core.probe_fields import FIELDS, called, differences, shows, told
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.probes import probe_gates, probe_not_in_force, probe_writes
from runbook_operator.probes.desired_probe import Place
from runbook_operator.probes.probe_writes import Written
from runbook_operator.reconcile.snapshot import RunbookWorld, look

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
"""Reasons without an Event of their own: drift and its correction have others, and Ready shows the rest."""
FINE = (Reason.PROBE_ENFORCED, Reason.PROBE_RESTORED, Reason.OBSERVING)


@dataclass(frozen=True)
class Case:
    """A health endpoint that is declared to be a probe, and its last status entry.

    Without a place and a refusal nothing new is known, and the old entry stands.
    """

    endpoint: HealthEndpoint
    old: ProbeStatus | None
    place: Place | None = None
    refused: Refused | None = None


@dataclass(frozen=True)
class Told:
    """The new status entry of a probe, its Events, and the writes to its workload; `entry` is None if it is over."""

    entry: ProbeStatus | None
    notices: tuple[Notice, ...] = ()
    seen: Seen | None = None
    written: tuple[Written, ...] = ()


def tell(world: RunbookWorld, case: Case) -> Told:
    """Decide about a health endpoint that is declared to be a probe; raises Unread."""
    if case.place is None:
        new = case.old or ProbeStatus(name=case.endpoint.name, reason="", since="")
        declared = new.replace(probe=case.endpoint.probe, drift="")
        return _told(world, case.old, declared, None, case.refused) if case.refused else Told(case.old)
    entry, seen = _entry(case, case.place), case.place.seen
    if case.endpoint.enforce:
        return _enforced(world, case.old, entry, case.place)
    if not entry.held:
        return _told(world, case.old, entry, seen)
    probe_writes.sure(world, seen.ref)
    if any(probe_writes.is_left(seen, one) for one in entry.held):
        return _leaving(world, case.old, entry, seen)
    over = _told(world, case.old, entry.replace(**UNSET), seen)
    return Told(over.entry, (*_over(world, entry, seen), *over.notices))


def leave(world: RunbookWorld, entry: ProbeStatus) -> Told:
    """Decide about a probe that was set and that no health endpoint declares any more; raises Unread."""
    ref = entry.ref(world.runbook.meta.ref.namespace)
    probe_writes.sure(world, ref)
    found, bare = look(world.seen, ref, whole=True), entry.replace(drift="")
    if isinstance(found, Missing) and found.reason not in GONE:
        return _waiting(world, entry, bare, Told(None), Refused(found.reason, found.message))
    if isinstance(found, Missing) or found.uid != entry.uid:
        return Told(None)
    if any(probe_writes.is_left(found, one) for one in bare.held):
        return _leaving(world, entry, bare, found)
    return Told(None, _over(world, bare, found))


def named(entry: ProbeStatus) -> str:
    """Return the probe as the subject of a sentence."""
    if entry.probe is None or not entry.container:
        return f"health endpoint {entry.name}"
    where = f"container {entry.container} in {entry.kind}/{entry.workload}"
    return f"health endpoint {entry.name}: {FIELDS[entry.probe]} of {where}"


def _enforced(world: RunbookWorld, old: ProbeStatus | None, entry: ProbeStatus, place: Place) -> Told:
    seen, entry = place.seen, _confirmed(world, entry, place.seen)
    wanted = probe_writes.wanted(world, place)
    known = {one.field: one.admitted for one in probe_writes.recorded(world, seen.uid)}
    record = [probe_writes.noted(one).replace(admitted=known.get(one.field)) for one in wanted]
    chosen, same = {one.field for one in record}, [(one.field, one.held) for one in record]
    left = [one for one in entry.held if (one.field, one.held) not in same and probe_writes.is_left(seen, one)]
    try:
        dropped = probe_writes.restoring(world, seen, [one for one in left if one.field not in chosen])
    except Refused as refused:
        return _told(world, old, entry, seen, refused)
    written = [*dropped, *probe_writes.setting(place, wanted)]
    if not written:
        return _told(world, old, _kept(world, entry, seen, record), seen)
    hindered = probe_gates.hindrance(world, place, entry)
    if hindered is not None:
        return _told(world, old, entry, seen, hindered)
    probe_writes.sure(world, seen.ref)
    not_there = probe_not_in_force.unforced(world, seen, record) if entry.pending else None
    leaving = [one.replace(leaving=True) for one in left]
    if not_there and probe_not_in_force.is_paused(world, seen, record):
        return _told(world, old, entry.replace(held=[*record, *leaving]), seen, not_there)
    new = _begun(world, entry, seen, [*record, *leaving])
    return _told(world, old, new, seen, not_there or _pending(world, seen.ref, "it is being set"), written)


def _confirmed(world: RunbookWorld, entry: ProbeStatus, seen: Seen) -> ProbeStatus:
    """Return the entry with the generation that shows the set fields: the rollout of it is the operator's own."""
    stays, goes = ([one for one in entry.held if one.leaving is leaving] for leaving in (False, True))
    if not entry.pending or probe_gates.changed(seen, stays) or probe_gates.changed(seen, goes) != goes:
        return entry
    probe_writes.sure(world, seen.ref)
    return entry.replace(held=stays, pending=False, set_generation=probe_gates.generation(seen))


def _kept(world: RunbookWorld, entry: ProbeStatus, seen: Seen, record: list[HeldField]) -> ProbeStatus:
    """Return the entry if nothing is left to write; it may have been another endpoint's, or the probe the original."""
    if record == entry.held:
        return entry
    probe_writes.sure(world, seen.ref)
    now = {"held": record, "pending": False, "service_account_name": _account(world)}
    return entry.replace(**now if record else UNSET)


def _begun(world: RunbookWorld, entry: ProbeStatus, seen: Seen, held: list[HeldField]) -> ProbeStatus:
    """Return the write-ahead entry, which is pending until the workload shows the fields."""
    fought = probe_gates.is_fought(world, seen, entry)
    update: dict[str, Any] = {"held": held, "service_account_name": _account(world)}
    if entry.replace(**update) == entry and not fought:
        return entry
    times = entry.times + 1 if fought and probe_gates.lasts(world, entry) else 1
    update |= {"pending": True, "set_at": timestamp(world.now), "times": times}
    return entry.replace(**update)


def _account(world: RunbookWorld) -> str | None:
    """Return the service account that the Runbook names now; an earlier one may have set the probe."""
    spec = world.runbook.spec
    return spec.service_account_name if spec else None


def _leaving(world: RunbookWorld, old: ProbeStatus | None, entry: ProbeStatus, seen: Seen) -> Told:
    there = [one for one in entry.held if probe_writes.is_left(seen, one)]
    hindered, written = probe_gates.holder(world, seen) or probe_gates.failing(world, seen.ref), list[Written]()
    asked = [one.replace(held=one.saved) for one in there]
    if (
        hindered is None
        and (hindered := probe_not_in_force.unforced(world, seen, asked))
        and probe_not_in_force.is_paused(world, seen, asked)
    ):
        return _waiting(world, old, entry, Told(None, seen=seen), hindered)
    if hindered is None or hindered.reason is Reason.NOT_IN_FORCE:
        try:
            written = probe_writes.restoring(world, seen, there)
        except Refused as refused:
            hindered = refused
    return _waiting(world, old, entry, Told(None, seen=seen, written=tuple(written)), hindered)


def _waiting(
    world: RunbookWorld, old: ProbeStatus | None, entry: ProbeStatus, todo: Told, hindered: Refused | None
) -> Told:
    """Report that the probe is to be restored; a deletion stops waiting after policy.let_go_after if that fails."""
    ref = entry.ref(world.runbook.meta.ref.namespace)
    if world.runbook.meta.deleting:
        until = entry.let_go_at or timestamp(world.now + world.policy.let_go_after)
        if (hindered or probe_gates.failure(world, ref)) and world.now >= moment(until):
            return Told(None, _given_up(world, entry, todo.seen, hindered or _pending(world, ref, "")))
        entry = entry.replace(let_go_at=until)
    why = hindered or _pending(world, ref, "what was there before is being restored")
    return _told(world, old, entry, todo.seen, why, todo.written)


def _pending(world: RunbookWorld, ref: Ref, text: str) -> Refused:
    """Return the reason why a write is pending: the last one failed and is retried, or else `text`."""
    found = probe_gates.failure(world, ref)
    return Refused(found.reason, found.message) if found else Refused(Reason.PROBE_PENDING, text)


def _entry(case: Case, place: Place) -> ProbeStatus:
    seen = place.seen
    old = case.old or ProbeStatus(name=case.endpoint.name, reason="", since="")
    return old.replace(
        name=case.endpoint.name,
        probe=place.said.kind,
        api_version=seen.ref.api_version,
        kind=seen.ref.kind,
        workload=seen.ref.name,
        uid=seen.uid,
        container=place.name,
        observed_generation=probe_gates.generation(seen),
        drift="; ".join(map(str, differences(place.container, place.said))),
    )


def _told(  # each argument is a part of the status entry
    world: RunbookWorld,
    old: ProbeStatus | None,
    entry: ProbeStatus,
    seen: Seen | None,
    why: Refused | None = None,
    written: Sequence[Written] = (),
) -> Told:
    reason, message = (why.reason, why.message) if why else (_settled(entry), "")
    since = old.since if old and old.reason == reason else timestamp(world.now)
    new = entry.replace(reason=reason.value, message=message, since=since)
    return Told(new, tuple(_news(world, old, new, seen)), seen, tuple(written))


def _settled(entry: ProbeStatus) -> Reason:
    if entry.held:
        return Reason.PROBE_ENFORCED
    return Reason.PROBE_DRIFT if entry.drift else Reason.PROBE_AS_DECLARED


def _news(world: RunbookWorld, old: ProbeStatus | None, new: ProbeStatus, seen: Seen | None) -> Iterator[Notice]:
    """Yield Events about changes: new drift, the probe that was set, and reasons that need a person."""
    if new.drift and (old is None or old.drift != new.drift):
        yield from _said(world, new, seen, Reason.PROBE_DRIFT, new.drift)
    if old and old.pending and not new.pending and new.held:
        text = "; ".join(told(one.field, one.saved, one.held) for one in new.held)
        yield from _said(world, new, seen, Reason.PROBE_ENFORCED, f"set {text}")
    if (old is None or old.reason != new.reason) and Reason(new.reason) not in QUIET:
        yield from _said(world, new, seen, Reason(new.reason), new.message)


def _over(world: RunbookWorld, entry: ProbeStatus, seen: Seen) -> tuple[Notice, ...]:
    """Return the Events for the end: the probe is restored, or another writer changed it and it is left as it is."""
    skipped = [one for one in entry.held if not shows(seen.body, one.field, one.saved)]
    if skipped:
        fields = ", ".join(called(one.field) for one in skipped)
        who = dict.fromkeys(author(seen.manager(one.field), one.field) for one in skipped)
        text = f"{fields} left as it is, since {' and '.join(who)} changed it after it was set"
        return _said(world, entry, seen, Reason.RESTORE_SKIPPED, text)
    text = "; ".join(told(one.field, one.held, one.saved) for one in entry.held)
    return _said(world, entry, seen, Reason.PROBE_RESTORED, f"restored {text}")


def _given_up(world: RunbookWorld, entry: ProbeStatus, seen: Seen | None, why: Refused) -> tuple[Notice, ...]:
    by_hand = "; ".join(told(one.field, one.held, one.saved) for one in entry.held)
    text = f"could not be restored and is left as it was set; set by hand {by_hand}: {why.message}"
    return _said(world, entry, seen, Reason.NOT_RESTORED, text)


def _said(world: RunbookWorld, entry: ProbeStatus, seen: Seen | None, reason: Reason, text: str) -> tuple[Notice, ...]:
    """Return one notice each on the Runbook and on the workload."""
    runbook = world.runbook.meta
    about = [(runbook.ref, runbook.uid), *([(seen.ref, seen.uid)] if seen else [])]
    versions = f"{runbook.generation}.{entry.uid}.{entry.observed_generation}.{entry.set_at}"
    identity = f"{runbook.uid}.{entry.name}.{reason}.{versions}"
    message = f"Runbook {runbook.ref.name}, {named(entry)}: {text}"
    return tuple(Notice(ref, uid, reason, message, identity, reason not in FINE) for ref, uid in about)
