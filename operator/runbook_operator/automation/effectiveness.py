"""Whether what a metric has engaged by itself helped. Where it did not, more of the same is not tried for ever.

It did not help where the metric, once everything was in place, was still bad when it should long have been well; or
where it was bad again within the cool-down after the release. An end that a person brought about says nothing.
"""

from collections.abc import Sequence
from datetime import datetime

from runbook_operator.api.conditions import moment
from runbook_operator.api.monitoring_spec import Metric
from runbook_operator.api.switch import Engagement, Record
from runbook_operator.automation.desired_state import automatic_holds, called
from runbook_operator.core.durations import duration
from runbook_operator.monitoring.declared_monitors import patience_of
from runbook_operator.reconcile.snapshot import World


def judged(world: World, record: Record) -> Record:
    """The record, with the verdict that it did not help where its metric has had the time and is seen to be bad."""
    at = judged_at(world, record)
    if at is None or world.now < at or record.engaged_by not in _still_bad(world):
        return record
    return record.replace(helped=False)


def judged_at(world: World, record: Record) -> datetime | None:
    """By when it should have helped; None where that is not asked any more, or not yet."""
    metric = _metric(world, record)
    if metric is None or record.helped is not None or not _is_in_place(record):
        return None
    return _in_place_since(record) + patience_of(metric)


def verdict(world: World, record: Record) -> bool | None:
    """Whether an engagement that is over now has helped; None where that cannot be told."""
    if record.source != "Metric" or record.helped is False:
        return record.helped
    is_left = record.engaged_by in {called(one.source, one.name) for one in automatic_holds(world)}
    return None if is_left or not _is_in_place(record) else True


def looked_back(world: World, history: Sequence[Engagement]) -> list[Engagement]:
    """The history, with the verdict on the last engagement where its metric was soon bad again."""
    spec = world.runbook.spec if world.runbook else None
    if not history or spec is None or history[0].source != "Metric":
        return list(history)
    last, *rest = history
    ended = moment(last.released_at)
    since = {called(one.source, one.name): moment(one.since) for one in automatic_holds(world)}
    again = since.get(last.engaged_by)
    if again is None or not ended <= again < ended + duration(spec.automation.cool_down):
        return list(history)
    return [last.replace(helped=False), *rest]


def _metric(world: World, record: Record) -> Metric | None:
    """The metric that threw it, as it is declared now; a momentary act is over before anything could be seen of it."""
    spec = world.runbook.spec if world.runbook else None
    if spec is None or record.source != "Metric" or record.momentary:
        return None
    return next((one for one in spec.metrics if called("Metric", one.name) == record.engaged_by), None)


def _is_in_place(record: Record) -> bool:
    """True if all that is held was written, and the cluster is through with it; what writes nothing is never there."""
    return bool(record.actions) and all(
        one.applied_at and one.result == "Applied" and not one.progress for one in record.actions
    )


def _in_place_since(record: Record) -> datetime:
    """When the last of it was applied, or the cluster was through with it."""
    times = (one.applied_at or record.engaged_at for one in record.actions)
    return moment(max(times, default=record.engaged_at))


def _still_bad(world: World) -> set[str]:
    """Who says so now: no data is not bad news."""
    return {called(one.source, one.name) for one in world.signals if one.verdict == "Engage"}
