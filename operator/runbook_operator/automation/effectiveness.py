"""Judge if an automatic engagement by a metric helped, so that an ineffective one is not repeated for ever.

It did not help if the metric was still bad at the time when it should have recovered, counted from the last applied
field; or if it was bad again within the cool-down after the release. An end that a person caused proves nothing.
"""

from collections.abc import Sequence
from datetime import datetime

from runbook_operator.api.conditions import moment
from runbook_operator.api.monitoring_spec import Metric
from runbook_operator.api.switch import Engagement, Record
from runbook_operator.automation.desired_state import automatic_holds, format_holder
from runbook_operator.core.durations import duration
from runbook_operator.monitoring.declared_monitors import patience_of
from runbook_operator.reconcile.snapshot import Snapshot


def judged(snapshot: Snapshot, record: Record) -> Record:
    """Return the record; with helped=False if its metric is still bad after the time that it has to recover."""
    at = judged_at(snapshot, record)
    if at is None or snapshot.now < at or record.engaged_by not in _still_bad(snapshot):
        return record
    return record.replace(helped=False)


def judged_at(snapshot: Snapshot, record: Record) -> datetime | None:
    """Return the time by which the metric should have recovered; None if there is nothing to judge, or not yet."""
    metric = _metric(snapshot, record)
    if metric is None or record.helped is not None or not _is_in_place(record):
        return None
    return _in_place_since(record) + patience_of(metric, snapshot.languages)


def verdict(snapshot: Snapshot, record: Record) -> bool | None:
    """Return True if an engagement that ends now has helped, False if it has not, None if that is unknown."""
    if record.source != "Metric" or record.helped is False:
        return record.helped
    is_left = record.engaged_by in {format_holder(one.source, one.name) for one in automatic_holds(snapshot)}
    return None if is_left or not _is_in_place(record) else True


def with_late_verdict(snapshot: Snapshot, history: Sequence[Engagement]) -> list[Engagement]:
    """Return the history, with helped=False for the last engagement if its metric was soon bad again."""
    spec = snapshot.runbook.spec if snapshot.runbook else None
    if not history or spec is None or history[0].source != "Metric":
        return list(history)
    last, *rest = history
    ended = moment(last.released_at)
    since = {format_holder(one.source, one.name): moment(one.since) for one in automatic_holds(snapshot)}
    again = since.get(last.engaged_by)
    if again is None or not ended <= again < ended + duration(spec.automation.cool_down):
        return list(history)
    return [last.replace(helped=False), *rest]


def _metric(snapshot: Snapshot, record: Record) -> Metric | None:
    """Return the metric that engaged the switch, as declared now; None for a momentary act, which is over at once."""
    spec = snapshot.runbook.spec if snapshot.runbook else None
    if spec is None or record.source != "Metric" or record.momentary:
        return None
    return next((one for one in spec.metrics if format_holder("Metric", one.name) == record.engaged_by), None)


def _is_in_place(record: Record) -> bool:
    """True if every held value is applied and the cluster has finished with it; False if nothing is written."""
    return bool(record.actions) and all(
        one.applied_at and one.result == "Applied" and not one.progress for one in record.actions
    )


def _in_place_since(record: Record) -> datetime:
    """Return when the last field was applied, or when the cluster finished with it."""
    times = (one.applied_at or record.engaged_at for one in record.actions)
    return moment(max(times, default=record.engaged_at))


def _still_bad(snapshot: Snapshot) -> set[str]:
    """Return the holders whose signal is Engage now: missing data is not bad news."""
    return {format_holder(one.source, one.name) for one in snapshot.signals if one.verdict == "Engage"}
