"""Compute when a switch is requeued although no event arrives."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from runbook_operator.actions.pod_creation_failures import KINDS as EVENT_KINDS
from runbook_operator.api.conditions import moment
from runbook_operator.api.parsing import RunbookObject
from runbook_operator.automation.desired_state import expires_at, held_back
from runbook_operator.automation.effectiveness import judged_at
from runbook_operator.core.durations import duration
from runbook_operator.reconcile.snapshot import World
from runbook_operator.switches.action_progress import contest, done, tells_at
from runbook_operator.switches.held_field import Part, dropped, parts
from runbook_operator.switches.not_in_force import is_unforced, written_again_at
from runbook_operator.switches.suspended_start import is_paused, resumed_at

VERIFIED_EVERY = timedelta(seconds=1)
"""The interval between checks of a written value that is not known to work yet."""
PLANNED_EVERY = timedelta(seconds=10)
"""The interval between tries of an action that cannot be planned: many missing objects are not watched."""
EVENTS_EVERY = timedelta(seconds=10)
"""The interval between reads of Events about pods that are still to come: they are not watched."""
GATED_EVERY = timedelta(seconds=10)
"""The requeue interval for a gate without an end time: no event arrives when it opens."""


def due(world: World) -> datetime | None:
    """Return the next time at which the clock alone changes the next step; None if there is none."""
    return min((one for one in _moments(world) if one > world.now), default=None)


def suspension_ends(runbook: RunbookObject) -> datetime | None:
    """Return when automatic acts resume; None if they are not suspended, or suspended without an end."""
    suspend = runbook.spec.suspend if runbook.spec else None
    return suspend.until if suspend else None


def put_back_at(part: Part) -> datetime:
    """Return when drift may be corrected: the first time at once, later by the contest back-off."""
    fight = contest(part)
    if fight is None:
        return part.world.now
    seed = f"{part.record.engagement_id}.{part.index}"
    return moment(fight.last) + part.world.policy.budget.pause(fight.streak, seed)


def tried_again_at(part: Part) -> datetime:
    """Return when a write may be tried: now, or after the back-off of a failed or undone write."""
    failed = part.effort.failed
    return max(written_again_at(part), failed.due if failed else part.world.now)


def _moments(world: World) -> Iterator[datetime]:
    if (expires := expires_at(world)) is not None:
        yield expires
    ends = suspension_ends(world.runbook) if world.runbook else None
    if ends is not None:
        yield ends
    if (gate := held_back(world)) is not None:
        yield gate.until or world.now + GATED_EVERY
    if world.record is not None:
        if (at := judged_at(world, world.record)) is not None:
            yield at
        for part in (*parts(world, world.record), *dropped(world, world.record)):
            yield from _moments_of(part)


def _moments_of(part: Part) -> Iterator[datetime]:
    if (fight := contest(part)) is not None:
        yield moment(fight.last) + part.world.policy.budget.calm
        if part.deviates:
            yield put_back_at(part)
    if part.entry.applied_at is not None and not part.unplanned and done(part).text != part.entry.progress:
        yield tells_at(part.world, part.entry)
    yield from _looks(part)
    if part.effort.failed is not None or is_unforced(part):
        yield tried_again_at(part)
    if part.entry.failure is not None:
        since = moment(part.entry.failure.since)
        yield since + duration(part.entry.timeout)
        if part.world.deleting:
            yield since + part.world.policy.let_go_after


def _looks(part: Part) -> Iterator[datetime]:
    """Yield the times to check again for the result that the field waits for."""
    if part.entry.result == "Applied" and part.ref.kind in EVENT_KINDS and done(part).text:
        yield part.world.now + EVENTS_EVERY
    if part.unplanned:
        yield part.world.now + PLANNED_EVERY
    elif is_paused(part):
        yield resumed_at(part)
    elif part.entry.result == "Pending" and not done(part).done:
        yield part.world.now + VERIFIED_EVERY
