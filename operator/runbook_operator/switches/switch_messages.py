"""Messages about the acts of a switch, for Events, conditions and the status."""

import json
from collections.abc import Mapping

from runbook_operator.api.switch import Contest, FieldRecord, Record, Result
from runbook_operator.automation.desired_state import held_released
from runbook_operator.core.desired_fields import OBJECT, TEMPLATE
from runbook_operator.core.field_manager_advice import UNNAMED_CLIENT, author, hint
from runbook_operator.core.notices import Notice
from runbook_operator.core.observed_object import REPLICAS, ObservedObject
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.switches.held_field import HeldField, dropped, held_fields

LONGEST_VALUE = 60
WARNINGS = frozenset(
    {*(Reason.RESTORE_SKIPPED, Reason.NOT_RESTORED, Reason.DRIFT_CORRECTED, Reason.INEFFECTIVE), Reason.HELD_BY_ANOTHER}
)


def notices_for(  # noqa: PLR0913 # each is a part of the notice
    snapshot: Snapshot,
    reason: Reason,
    message: str,
    identity: str,
    *,
    targets: tuple[ObservedObject, ...] = (),
    warning: bool = False,
    count: int = 1,
) -> tuple[Notice, ...]:
    """Return one notice each on the Switch, its Runbook, and the targets."""
    about: list[tuple[Ref, str]] = [(snapshot.switch.meta.ref, snapshot.switch.meta.uid)]
    if snapshot.runbook:
        about.append((snapshot.runbook.meta.ref, snapshot.runbook.meta.uid))
    about += dict.fromkeys((observed.ref, observed.uid) for observed in targets)
    warning = warning or reason in WARNINGS
    engagement = snapshot.record.engagement_id if snapshot.record else ""
    return tuple(Notice(ref, uid, reason, message, identity, warning, count, engagement) for ref, uid in about)


def about_record(snapshot: Snapshot, record: Record, reason: Reason, message: str) -> tuple[Notice, ...]:
    """Return the notices on all objects of the engagement; a reason is reported once per engagement."""
    because = f" ({record.reason})" if record.reason else ""
    by = f" by {record.engaged_by}" if record.engaged_by else ""
    text = f"{snapshot.switch.meta.ref.name}{by}{because}: {message} [{record.engagement_id}]"
    return notices_for(snapshot, reason, text, f"{record.engagement_id}.{reason}", targets=touched(snapshot, record))


def about_release(snapshot: Snapshot, record: Record, reason: Reason, message: str) -> tuple[Notice, ...]:
    """Return the notices of a release; after engaged: false they name who set that, and who had engaged it."""
    if (released := held_released(snapshot)) is None:
        return about_record(snapshot, record, reason, message)
    because = f" ({released.reason})" if released.reason else ""
    before = f"; {record.engaged_by} had engaged it" if record.engaged_by else ""
    text = f"{snapshot.switch.meta.ref.name} released by {released.by or UNNAMED_CLIENT}{because}: {message}{before}"
    text = f"{text} [{record.engagement_id}]"
    return notices_for(snapshot, reason, text, f"{record.engagement_id}.{reason}", targets=touched(snapshot, record))


def did_nothing(snapshot: Snapshot, record: Record) -> tuple[Notice, ...]:
    """Return the notices of a momentary switch that did nothing, with the cause."""
    text = f"{snapshot.switch.meta.ref.name} {summary(record)} [{record.engagement_id}]"
    return notices_for(snapshot, Reason.HELD_BY_ANOTHER, text, f"{record.engagement_id}.{Reason.HELD_BY_ANOTHER}")


def acted_as(record: Record, *, is_expired: bool = False) -> Reason:
    """Return Done, or why a momentary switch did not do all: too late, held by another switch, or released."""
    if is_expired:
        return Reason.EXPIRED
    if not record.actions:
        return Reason.NOTHING_TO_DO
    if any(one.result == "Skipped" for one in record.actions):
        return Reason.HELD_BY_ANOTHER
    return Reason.DONE if all(one.result == "Applied" for one in record.actions) else Reason.RELEASED


def drift_corrected(held_field: HeldField, contest: Contest) -> tuple[Notice, ...]:
    """Return the Events on a drift correction: one per field and engagement, with a count."""
    entry, switch = held_field.entry, held_field.snapshot.switch.meta.ref
    text = (
        f"{switch.name}: {author(contest.manager, entry.field)} set {named(entry)} to {shown(held_field.live)}, "
        f"which the switch holds at {shown(entry.held)}; the operator wrote the held value again. To end this: "
        f"{hint(contest.manager, switch, automatic=held_field.snapshot.switch.status.holds_automatically)} "
        f"[{held_field.record.engagement_id}]"
    )
    identity = f"{held_field.record.engagement_id}.{held_field.ref}.{entry.field}"
    targets = (held_field.saved,) if held_field.saved and held_field.saved.uid else ()
    return notices_for(
        held_field.snapshot, Reason.DRIFT_CORRECTED, text, identity, targets=targets, count=contest.count
    )


def remarked(snapshot: Snapshot, record: Record) -> tuple[Notice, ...]:
    """Return the remarks on a throw as warnings."""
    return tuple(
        notice
        for number, one in enumerate(record.remarks)
        for notice in notices_for(
            snapshot,
            Reason(one.reason),
            f"{snapshot.switch.meta.ref.name}: {one.message} [{record.engagement_id}]",
            f"{record.engagement_id}.remark.{number}",
            warning=True,
        )
    )


def touched(snapshot: Snapshot, record: Record) -> tuple[ObservedObject, ...]:
    """Return the existing targets of a record, without Events: an Event about an Event is of no use."""
    planned = (
        held_field
        for held_field in (*held_fields(snapshot, record), *dropped(snapshot, record))
        if not held_field.unplanned
    )
    about = (held_field for held_field in planned if held_field.ref.kind != "Event")
    return tuple(
        held_field.target
        for held_field in about
        if isinstance(held_field.target, ObservedObject) and held_field.target.uid
    )


def summary(record: Record) -> str:
    """Return one clause for each held or restored field, and for each action that found nothing to do."""
    if is_without_effect(record):
        return f"did nothing: {'; '.join(dict.fromkeys(one.progress for one in record.actions if one.progress))}"
    first = None if record.continue_on_failure else next(filter(_is_unfinished, record.actions), None)
    held = (_behind(entry, first) or clause(entry) for entry in record.actions)
    idle = (one.message for one in record.remarks if one.reason == Reason.NOTHING_TO_DO)
    return "; ".join((*held, *map(clause, record.dropped), *idle)) or "nothing to do"


def conclusion(record: Record) -> str:
    """Describe the state of the fields after the engagement: one clause per field."""
    left = (*record.actions, *record.dropped)
    return summary(record) if record.momentary or not left else "; ".join(map(_left, left))


def _left(entry: FieldRecord) -> str:
    if entry.mode != "Keep" or entry.result != "Applied":
        return clause(entry)
    held, saved = shown(entry.held), shown(entry.saved)
    return f"{named(entry)} stays at {held}, since a release does not undo this action; it was {saved} before"


def is_without_effect(record: Record) -> bool:
    """True if every act of a throw was skipped, because another switch holds the fields."""
    return bool(record.actions) and all(one.result == "Skipped" for one in record.actions)


def unrestored(record: Record) -> str:
    """List the fields that a release has not restored yet because of a failure; without one, return the summary."""
    stuck = [one for one in (*record.actions, *record.dropped) if one.failure and one.mode == "Hold"]
    text = "; ".join(f"{named(one)} is not restored to {shown(one.saved)} yet" for one in stuck)
    return text or summary(record)


def _is_unfinished(entry: FieldRecord) -> bool:
    return entry.result in ("Waiting", "Pending")


def _behind(entry: FieldRecord, first: FieldRecord | None) -> str:
    """Return the clause of a field that waits for the first unfinished action before it; else an empty text."""
    if first is None or entry.result != "Pending" or entry.failure or entry.step <= first.step:
        return ""
    return f"{named(entry)} waits for {first.action} of {first.kind}/{first.name}: {_set(entry)}"


def clause(entry: FieldRecord) -> str:
    """Describe the progress of one field of an action."""
    why = entry.failure.message if entry.failure else ""
    if entry.result == "Waiting":
        return f"{entry.action} waits: {why}"
    if entry.result == "Skipped":
        return f"not done: {entry.progress or f'{entry.action}, since an action before it was not done'}"
    if entry.result == "Restored" and entry.progress:
        return f"{named(entry)} {entry.progress}"
    text = CLAUSES[entry.result].format(
        name=named(entry),
        saved=shown(entry.saved),
        held=shown(entry.held),
        why=why,
        set=_set(entry),
        progress=entry.progress or "it was changed",
    )
    notes = [entry.progress, entry.admitted.message if entry.admitted else ""] if entry.result in UNDER_WAY else []
    return f"{text} ({'; '.join(filter(None, notes))})" if any(notes) else text


def other_holder(held_field: HeldField) -> str:
    """Describe the other switch that holds the field after the release; empty if there is none."""
    if (heir := held_field.heir) is None:
        return ""
    held, switch = shown(heir.held), heir.switch.name
    return (
        f"left to {switch}, which holds it at {held}"
        if held_field.overruled
        else f"set to {held}, which {switch} holds"
    )


def named(entry: FieldRecord) -> str:
    """Return the object's name, with the field unless it is the replicas, the template or the whole object."""
    name = f"{entry.kind}/{entry.name}"
    return name if entry.field in ("", REPLICAS, TEMPLATE) else f"{name} {entry.field}"


def shown(value: object) -> str:
    """Return a value as text that is short enough for a message."""
    if value is None:
        return "absent"
    if isinstance(value, dict) and "digest" in value:
        return f"revision {value.get('revision', value['digest'])}"
    if isinstance(value, dict) and "kind" in value:
        return "there"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _set(entry: FieldRecord) -> str:
    """Describe the change of the field."""
    if entry.field == OBJECT:
        return "made" if entry.held is not None else "deleted"
    saved, held = shown(entry.saved), shown(entry.held)
    is_same = saved == held and entry.result == "Applied"
    return f"was at {held} already, and stays there" if is_same else f"from {saved} to {held}"


UNDER_WAY: tuple[Result, ...] = ("Pending", "Applied")
"""The results whose clause includes the progress text; after a release it would not be about the restored value."""
CLAUSES: Mapping[Result, str] = {
    "Pending": "{name} is being changed: {set}",
    "Applied": "{name} {set}",
    "Restored": "{name} back to {saved}",
    "Unchanged": "{name} is {saved}, as before the throw",
    "RestoreSkipped": "{name} left as it is, since {progress}; the switch held it at {held}",
    "Gone": "{name} is gone, nothing to restore",
    "Kept": "{name} kept at {held} (onDelete: Keep); it was {saved} before",
    "NotRestored": "{name} could not be restored and is left at {held}; set it to {saved} by hand: {why}",
}
