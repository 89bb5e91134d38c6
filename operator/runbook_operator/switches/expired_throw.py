"""Refuse a momentary throw that could not act in time: its status reports that, and it never acts later."""

from runbook_operator.api.conditions import Finding, find, seconds
from runbook_operator.api.switch import Entry, Record, SwitchStatus
from runbook_operator.automation import momentary_throws
from runbook_operator.automation.desired_state import spent
from runbook_operator.core.durations import duration, spoken
from runbook_operator.core.field_manager_advice import UNNAMED_CLIENT, throw
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.snapshot import World
from runbook_operator.switches.action_progress import SETTLED, engaging
from runbook_operator.switches.held_field import parts


def finding(world: World, status: SwitchStatus) -> Finding | None:
    """Return Acted=False for a throw that has expired; None if none has."""
    return Finding(False, Reason.EXPIRED, sentence(world, status)) if spent(world) is not None else None


def is_reported(world: World) -> bool:
    """True if the status has no record of the throw any more, and reports that it has expired."""
    acted = find(world.switch.status.conditions, "Acted")
    if world.record is not None or acted is None or acted.reason != Reason.EXPIRED:
        return False
    return acted.observed_generation == world.switch.meta.generation


def sentence(world: World, status: SwitchStatus) -> str:
    """Describe when and by whom it was thrown, what it did, and how to throw it again."""
    said = spent(world)
    assert said  # noqa: S101 # called only for a throw that has expired
    within = spoken(duration(said.expires_after) if said.expires_after else momentary_throws.ACTS_WITHIN)
    last = next(iter(status.history), None)
    is_recorded = last is not None and last.generation == world.switch.meta.generation
    outcome = last.outcome if last and is_recorded else "did nothing"
    thrown = f"the throw of {seconds(said.since)} by {said.by or UNNAMED_CLIENT}"
    return (
        f"{outcome}. It is too late for {thrown}: a momentary switch acts within {within}, or not at all. To throw it "
        f"again: {throw(world.switch.meta.ref)}"
    )


def is_unreported(world: World, record: Record) -> bool:
    """True if all actions of an expired throw were done in time, and the record does not show that yet."""
    if spent(world) is None or any(
        one.is_made_once and one.saved and not one.saved.body for one in parts(world, record)
    ):
        return False
    return not any(map(_is_left, engaging(world, record).actions))


def closed(world: World, record: Record) -> Record:
    """Return the record of an expired throw with its late actions skipped; any other record is unchanged."""
    if spent(world) is None:
        return record
    far = engaging(world, record)
    return far.replace(actions=[_not_done(one) if _is_left(one) else one for one in far.actions])


def _is_left(entry: Entry) -> bool:
    return entry.result not in SETTLED and not momentary_throws.is_under_way(entry)


def _not_done(entry: Entry) -> Entry:
    why = f": {entry.failure.message}" if entry.failure else ""
    text = f"{entry.action} of {entry.kind}/{entry.name}{why}"
    return entry.replace(result="Skipped", progress=text, failure=None)
