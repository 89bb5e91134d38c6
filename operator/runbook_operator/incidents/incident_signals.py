"""The signals of an incident: the entries of its Runbook that are or were bad since it opened."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from runbook_operator.api.conditions import timestamp
from runbook_operator.api.incident import MOST_SIGNALS, Cause, IncidentSignal
from runbook_operator.incidents.runbook_entries import RunbookEntry

MOST_MESSAGE = 256
BAD = frozenset({"Warning", "Critical"})
NOT_DECLARED = "no longer declared"


def signal(entry: RunbookEntry) -> IncidentSignal:
    """Return the signal of an entry."""
    return IncidentSignal(
        source=entry.source,
        name=entry.name,
        level=entry.level,
        since=entry.since,
        message=entry.message[:MOST_MESSAGE],
        value=entry.value,
        threshold=entry.threshold,
    )


def current(
    old: Sequence[IncidentSignal], found: Iterable[RunbookEntry], cause: Cause, now: datetime
) -> tuple[list[IncidentSignal], int]:
    """Return the signals in the order of their arrival, and the number of those that the list has no room for."""
    live = {one.key: one for one in found}
    known = {(one.source, one.name): one for one in old}
    signals = [_renewed(one, live.get(key), now) for key, one in known.items()]
    fresh = [
        signal(one)
        for key, one in live.items()
        if key not in known and (one.level in BAD or key == (cause.source, cause.name))
    ]
    fresh.sort(key=lambda one: (one.source, one.name) != (cause.source, cause.name))
    room = MOST_SIGNALS - len(signals)
    return [*signals, *fresh[:room]], max(0, len(fresh) - room)


def is_recovered(signals: Sequence[IncidentSignal], found: Iterable[RunbookEntry], cause: Cause) -> bool:
    """True if the cause and all signals of entries with a severity are Ok; an entry without data is not Ok."""
    weighty = {one.key for one in found if one.severity} | {(cause.source, cause.name)}
    held = [one for one in signals if (one.source, one.name) in weighty]
    return bool(held) and all(one.level == "Ok" for one in held)


def _renewed(old: IncidentSignal, entry: RunbookEntry | None, now: datetime) -> IncidentSignal:
    if entry is not None:
        return signal(entry)
    if old.level == "Ok":
        return old
    message = "no revision is bad now" if old.source == "Deployment" else NOT_DECLARED
    return old.replace(level="Ok", since=timestamp(now), message=message)
