"""Compute when a switch is requeued although no event arrives."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from runbook_operator.actions.pod_creation_failures import KINDS as EVENT_KINDS
from runbook_operator.api.conditions import moment
from runbook_operator.api.parsing import RunbookObject
from runbook_operator.automation.desired_state import closed_gate, expires_at
from runbook_operator.automation.effectiveness import judged_at
from runbook_operator.core.durations import duration
from runbook_operator.holds import contests
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.switches.action_progress import contest, done, progress_changes_at
from runbook_operator.switches.held_field import HeldField, dropped, held_fields
from runbook_operator.switches.not_in_force import is_unforced, written_again_at
from runbook_operator.switches.suspended_start import is_paused, resumed_at

VERIFIED_EVERY = timedelta(seconds=1)
"""The interval between checks of a written value that is not known to work yet."""
PLANNED_EVERY = timedelta(seconds=10)
"""The interval between tries of an action that cannot be planned: many missing objects are not watched."""
EVENTS_EVERY = timedelta(seconds=10)
"""The interval between reads of Events about pods that do not exist yet: Events are not watched."""
GATED_EVERY = timedelta(seconds=10)
"""The requeue interval for a gate without an end time: no event arrives when it opens."""


def due(snapshot: Snapshot) -> datetime | None:
    """Return the next time at which the clock alone changes the next step; None if there is none."""
    return min((one for one in _moments(snapshot) if one > snapshot.now), default=None)


def suspension_ends(runbook: RunbookObject) -> datetime | None:
    """Return when automatic acts resume; None if they are not suspended, or suspended without an end."""
    suspend = runbook.spec.suspend if runbook.spec else None
    return suspend.until if suspend else None


def correct_drift_at(held_field: HeldField) -> datetime:
    """Return when drift may be corrected: the first time at once, later by the contest back-off."""
    fight = contest(held_field)
    if fight is None:
        return held_field.snapshot.now
    seed = f"{held_field.record.engagement_id}.{held_field.index}"
    return contests.corrected_at(fight.last, fight.streak, held_field.snapshot.policy.budget, seed)


def tried_again_at(held_field: HeldField) -> datetime:
    """Return when a write may be tried: now, or after the back-off of a failed or undone write."""
    failed = held_field.write_history.failed
    return max(written_again_at(held_field), failed.due if failed else held_field.snapshot.now)


def _moments(snapshot: Snapshot) -> Iterator[datetime]:
    if (expires := expires_at(snapshot)) is not None:
        yield expires
    ends = suspension_ends(snapshot.runbook) if snapshot.runbook else None
    if ends is not None:
        yield ends
    if (gate := closed_gate(snapshot)) is not None:
        yield gate.until or snapshot.now + GATED_EVERY
    if snapshot.record is not None:
        if (at := judged_at(snapshot, snapshot.record)) is not None:
            yield at
        for held_field in (*held_fields(snapshot, snapshot.record), *dropped(snapshot, snapshot.record)):
            yield from _moments_of(held_field)


def _moments_of(held_field: HeldField) -> Iterator[datetime]:
    if (fight := contest(held_field)) is not None:
        yield moment(fight.last) + held_field.snapshot.policy.budget.calm
        if held_field.deviates:
            yield correct_drift_at(held_field)
    if (
        held_field.entry.applied_at is not None
        and not held_field.unplanned
        and done(held_field).text != held_field.entry.progress
    ):
        yield progress_changes_at(held_field.snapshot, held_field.entry)
    yield from _recheck_times(held_field)
    if held_field.write_history.failed is not None or is_unforced(held_field):
        yield tried_again_at(held_field)
    if held_field.entry.failure is not None:
        since = moment(held_field.entry.failure.since)
        yield since + duration(held_field.entry.timeout)
        if held_field.snapshot.deleting:
            yield since + held_field.snapshot.policy.restore_deadline


def _recheck_times(held_field: HeldField) -> Iterator[datetime]:
    """Yield when to check the field again, if it waits for something that no watch reports."""
    if held_field.entry.result == "Applied" and held_field.ref.kind in EVENT_KINDS and done(held_field).text:
        yield held_field.snapshot.now + EVENTS_EVERY
    if held_field.unplanned:
        yield held_field.snapshot.now + PLANNED_EVERY
    elif is_paused(held_field):
        yield resumed_at(held_field)
    elif held_field.entry.result == "Pending" and not done(held_field).done:
        yield held_field.snapshot.now + VERIFIED_EVERY
