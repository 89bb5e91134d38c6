"""Compute the outcome of an engagement that is over, for each field that it was to write."""

from runbook_operator.api.switch import Entry, Record, Result
from runbook_operator.core.field_manager_advice import author
from runbook_operator.core.observed_object import is_hidden
from runbook_operator.reconcile.snapshot import World
from runbook_operator.switches.action_progress import failing, given_up, is_kept
from runbook_operator.switches.held_field import Part, dropped, parts
from runbook_operator.switches.switch_messages import left_to, shown


def ended(world: World, record: Record) -> Record:
    """Return the record with the outcome of each field."""
    return record.replace(
        actions=[_ended(part) for part in parts(world, record)],
        dropped=[_ended(part) for part in dropped(world, record)],
    )


def _ended(part: Part) -> Entry:
    result = _outcome(part)
    progress = _last_words(part) if result == "Restored" else part.entry.progress
    if result == "RestoreSkipped":
        progress = _changed(part)
    entry = failing(part, unsettled=given_up(part) or part.restorable)
    return entry.replace(result=result, progress=progress)


def _last_words(part: Part) -> str:
    """Describe the outcome of a restore that the values alone do not show."""
    if not part.is_made_once:
        return left_to(part)
    why = part.entry.failure.message if part.entry.failure else part.entry.progress
    return f"was deleted ({why})" if why else "was deleted"


def _changed(part: Part) -> str:
    """Describe who changed the field after it was held, and to what."""
    assert part.saved  # noqa: S101 # the outcome of a missing object is Gone
    field = part.entry.field
    to = "" if part.is_object else f" to {shown(part.live)}"
    return f"{author(part.saved.manager(field), field)} changed it{to}"


def _outcome(part: Part) -> Result:
    if part.is_made_once and part.entry.uid is not None and part.saved is not None and not part.saved.body:
        return "Restored"
    if is_unchanged(part):
        return "Unchanged"
    if part.record.momentary or part.unplanned or part.entry.mode != "Hold":
        return part.entry.result
    if part.saved is None:
        return "NotRestored" if is_hidden(part.target) else "Gone"
    if part.restorable:
        return "Kept" if is_kept(part) else "NotRestored"
    return "Restored" if part.overruled or part.is_held or _is_back(part) else "RestoreSkipped"


def is_unchanged(part: Part) -> bool:
    """True if no write of this engagement is known and the object shows the saved value: nothing is restored.

    A crash between a restore and its record looks the same, and the report is true then too.
    """
    if part.unplanned or part.entry.result != "Pending" or part.saved is None or part.effort.accepted is not None:
        return False
    return not part.overruled and (part.live is None if part.is_object else part.is_back(part.entry.saved))


def _is_back(part: Part) -> bool:
    assert part.saved  # noqa: S101 # called only if the object exists
    if part.is_object:
        return not part.saved.body
    heir = (part.heir.held,) if part.heir else ()
    return any(part.is_back(value) for value in (part.entry.saved, *heir))
