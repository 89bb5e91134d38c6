"""The bounded timeline of an incident: its first and its last entries."""

from datetime import datetime

from runbook_operator.api.conditions import timestamp
from runbook_operator.api.incident import FIRST_ENTRIES, LAST_ENTRIES, EntryKind, IncidentStatus, TimelineEntry

MOST_TEXT, MOST_NAME = 200, 64


def entry(at: datetime | str, kind: EntryKind, text: str, by: str = "") -> TimelineEntry:
    """Return an entry; its text is on one line and at most 200 characters long."""
    line = " ".join(text.split())
    cut = line if len(line) <= MOST_TEXT else f"{line[: MOST_TEXT - 1]}…"
    return TimelineEntry(at=at if isinstance(at, str) else timestamp(at), kind=kind, by=by[:MOST_NAME], text=cut)


def add(status: IncidentStatus, *entries: TimelineEntry) -> IncidentStatus:
    """Append the entries, leaving out one that repeats the entry before it; drop the middle of a long timeline."""
    kept, dropped = list(status.timeline), status.timeline_dropped
    for one in entries:
        if kept and kept[-1].replace(at=one.at) == one:
            continue
        kept.append(one)
        if len(kept) > FIRST_ENTRIES + LAST_ENTRIES:
            del kept[FIRST_ENTRIES]
            dropped += 1
    return status.replace(timeline=kept, timeline_dropped=dropped)
