"""The signals of an incident: the entries of its Runbook that are or were bad since it opened."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from runbook_operator.api.conditions import timestamp
from runbook_operator.api.incident import MOST_SIGNALS, Cause, IncidentSignal, Source
from runbook_operator.core.severities import SEVERITIES
from runbook_operator.incidents.runbook_entries import RunbookEntry

MOST_MESSAGE = 256
BAD = frozenset({"Warning", "Critical"})
NOT_DECLARED = "no longer declared"
Key = tuple[Source, str]


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
    old: Sequence[IncidentSignal],
    found: Iterable[RunbookEntry],
    cause: Cause,
    now: datetime,
    without_status: Collection[Key] = (),
) -> tuple[list[IncidentSignal], int]:
    """Return the signals in the order of their arrival, and the number of bad ones that the list has no room for.

    A signal whose entry has no status yet stays as it is. Signals that are Ok make room for bad ones.
    """
    live, known = {one.key: one for one in found}, {_key(one): one for one in old}
    renewed = [one if key in without_status else _renewed(one, live.get(key), now) for key, one in known.items()]
    fresh = [
        signal(one)
        for key, one in live.items()
        if key not in known and (one.level in BAD or key == (cause.source, cause.name))
    ]
    fresh.sort(key=lambda one: _key(one) != (cause.source, cause.name))
    signals = [*renewed, *fresh]
    kept = {_key(one) for one in sorted(signals, key=lambda one: _weight(one, live, cause))[:MOST_SIGNALS]}
    dropped = [one for one in signals if _key(one) not in kept and one.level in BAD]
    return [one for one in signals if _key(one) in kept], len(dropped)


def is_recovered(signals: Sequence[IncidentSignal], found: Iterable[RunbookEntry], cause: Cause) -> bool:
    """True if the cause and all signals of entries with a severity are Ok; an entry without data is not Ok."""
    weighty = {one.key for one in found if one.severity} | {(cause.source, cause.name)}
    held = [one for one in signals if _key(one) in weighty]
    return bool(held) and all(one.level == "Ok" for one in held)


def _key(one: IncidentSignal) -> Key:
    return (one.source, one.name)


def _weight(one: IncidentSignal, live: Mapping[Key, RunbookEntry], cause: Cause) -> tuple[bool, bool, bool, int]:
    """Return the place of a signal if there is no room for all: the cause first, then the worst ones."""
    entry = live.get(_key(one))
    severity = SEVERITIES.index(entry.severity) if entry and entry.severity else len(SEVERITIES)
    return (_key(one) != (cause.source, cause.name), one.level == "Ok", one.level != "Critical", severity)


def _renewed(old: IncidentSignal, entry: RunbookEntry | None, now: datetime) -> IncidentSignal:
    if entry is not None:
        return signal(entry)
    if old.level == "Ok":
        return old
    message = "no revision is bad now" if old.source == "Deployment" else NOT_DECLARED
    return old.replace(level="Ok", since=timestamp(now), message=message)
