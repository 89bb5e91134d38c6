"""Write the post-mortem of an incident as a Markdown document, from its spec and its status.

The operator has recorded the facts. The parts that only people know are placeholders until spec.postMortem has them.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from runbook_operator.api.conditions import clock_time
from runbook_operator.api.incident import IncidentStatus
from runbook_operator.api.incident_kind import IncidentObject
from runbook_operator.api.parsing import RunbookObject
from runbook_operator.core.durations import spoken
from runbook_operator.incidents.markdown import bullets, link, paragraphs, plain, table
from runbook_operator.incidents.runbook_entries import WORDS

NOT_PEOPLE = frozenset({"SwitchEngaged", "SwitchReleased", "Opened", "Signal"})
"""Kinds of timeline entries whose `by` need not be a person."""


def postmortem(incident: IncidentObject, runbook: RunbookObject | None, now: datetime) -> str:
    """Return the document; `runbook` is None if it no longer exists, and `now` ends the window of an open incident."""
    sections = [
        f"# Post-mortem: {plain(incident.spec.title)}",
        _facts(incident, runbook, now),
        *_written(incident),
        *_recorded(incident, runbook, now),
    ]
    return "\n\n".join(sections) + "\n"


def _facts(incident: IncidentObject, runbook: RunbookObject | None, now: datetime) -> str:
    spec, status, ref = incident.spec, incident.status, incident.meta.ref
    cause = f"{WORDS[spec.cause.source]} {spec.cause.name}"
    rows = [
        ("Incident", plain(f"{ref.namespace}/{ref.name}")),
        ("Runbook", plain(_runbook_title(incident, runbook))),
        ("Severity", plain(_severity(incident, runbook))),
        ("Status", plain(_phase(status))),
        ("Opened by", plain(cause if incident.is_automatic else incident.opened.by or "a person")),
        ("Impact window", plain(_window(status, now))),
        ("Commander", plain(spec.commander)),
        ("Responders", plain(", ".join(_responders(incident)))),
        ("Previous incident", plain(status.previous)),
        ("Written", plain(clock_time(now))),
    ]
    return table(("Fact", "Value"), rows)


def _runbook_title(incident: IncidentObject, runbook: RunbookObject | None) -> str:
    name = incident.spec.runbook
    if runbook is None:
        return f"{name} (it no longer exists)"
    return f"{runbook.spec.title} ({name})" if runbook.spec else name


def _severity(incident: IncidentObject, runbook: RunbookObject | None) -> str:
    severity = incident.status.severity or incident.spec.severity
    levels = runbook.spec.severities if runbook and runbook.spec else []
    definition = next((one.definition for one in levels if one.level == severity), "")
    return f"{severity}: {definition}" if definition else severity


def _phase(status: IncidentStatus) -> str:
    again = f", reopened {status.cycle} times" if status.cycle > 1 else ", reopened once" if status.cycle else ""
    return f"{status.phase}{again}"


def _window(status: IncidentStatus, now: datetime) -> str:
    began = _moment(status.bad_since) or _moment(status.opened_at)
    if began is None:
        return ""
    ended = _moment(status.recovered_at) or _moment(status.resolved_at)
    until = clock_time(ended) if ended else "now, still open"
    return f"{clock_time(began)} to {until} ({spoken((ended or now) - began)})"


def _responders(incident: IncidentObject) -> Iterable[str]:
    """Return the people in the order in which they came, each once."""
    status = incident.status
    found = [one.by for one in status.timeline if one.kind not in NOT_PEOPLE]
    return dict.fromkeys(filter(None, (*found, status.acknowledged_by, incident.spec.commander, status.resolved_by)))


def _written(incident: IncidentObject) -> Iterator[str]:
    """Yield the sections that people write."""
    spec, written = incident.spec, incident.spec.post_mortem
    yield _section("Summary", spec.summary, "what happened, in two sentences")
    yield _section("Impact", written.impact, "the effect on users: who, how many, for how long")
    yield _section("Root cause", written.root_cause, "the root cause and the contributing factors")
    if incident.status.likely_cause:
        yield f"Likely cause, as the Runbook has it: {plain(incident.status.likely_cause)}"
    yield _section("Resolution", spec.resolution, "how the incident was resolved")
    yield _section("What went well", written.went_well, "what helped")
    yield _section("What did not go well", written.went_wrong, "what cost time or made it worse")
    yield _section("Where we got lucky", written.got_lucky, "what could have made it worse, and did not occur")


def _section(title: str, text: str, wanted: str) -> str:
    return f"## {title}\n\n{paragraphs(text) or f'_[{wanted}]_'}"


def _recorded(incident: IncidentObject, runbook: RunbookObject | None, now: datetime) -> Iterator[str]:
    """Yield the sections that the operator has recorded."""
    status = incident.status
    yield f"## Detection and response\n\n{_response(status)}"
    yield f"## Signals\n\n{_signals(status)}"
    yield f"## Changes before the incident\n\n{_changes(status)}"
    yield f"## Switches\n\n{_switches(status, now)}"
    yield f"## Messages\n\n{_messages(status)}"
    yield f"## Timeline (UTC)\n\n{_timeline(status)}"
    yield f"## Response checklist\n\n{_checklist(incident)}"
    items = bullets(incident.spec.post_mortem.action_items, "- [ ]")
    yield f"## Action items\n\n{items or '- [ ] _[what prevents it, detects it sooner or shortens it; owner; date]_'}"
    yield f"## Links\n\n{_links(status, runbook)}"


def _response(status: IncidentStatus) -> str:
    by = f"Acknowledged by {status.acknowledged_by}" if status.acknowledged_by else "Acknowledged"
    resolved = f"Resolved by {status.resolved_by}" if status.resolved_by else "Resolved"
    steps = (
        ("Went bad", status.bad_since, "", ""),
        ("Opened (detected)", status.opened_at, status.bad_since, "after it went bad"),
        ("First message delivered", status.delivered_at, status.opened_at, "after the opening"),
        ("Answer due", status.respond_by, status.opened_at, "after the opening"),
        (by, status.acknowledged_at, status.opened_at, "after the opening (time to acknowledge)"),
        ("Recovered", status.recovered_at, status.opened_at, "after the opening (time to mitigate)"),
        (resolved, status.resolved_at, status.opened_at, "after the opening (time to resolve)"),
    )
    rows = [(plain(name), _time(at) or "not recorded", _after(at, since, of)) for name, at, since, of in steps]
    return table(("Step", "Time", "Duration"), rows)


def _after(at: str, since: str, of: str) -> str:
    time, began = _moment(at), _moment(since)
    return f"{spoken(time - began)} {of}" if time and began else ""


def _signals(status: IncidentStatus) -> str:
    rows = [
        (
            plain(f"{WORDS[one.source]} {one.name}"),
            plain(one.level),
            _time(one.since),
            *map(plain, (one.value, one.threshold, one.message)),
        )
        for one in status.signals
    ]
    if not rows:
        return "None."
    head = ("Signal", "Level", "Since", "Value", "Threshold", "Explanation")
    return table(head, rows) + _more(status.signals_dropped, "signals")


def _changes(status: IncidentStatus) -> str:
    rows = [(_time(one.at), plain(one.text)) for one in status.changes]
    return table(("Time", "Change"), rows) if rows else "None recorded."


def _switches(status: IncidentStatus, now: datetime) -> str:
    rows = [
        (
            plain(one.switch),
            _time(one.engaged_at),
            _time(one.released_at) or "still engaged",
            _after(one.released_at or clock_time(now), one.engaged_at, "").strip(),
            plain(one.by),
        )
        for one in status.switches
    ]
    return table(("Switch", "Engaged", "Released", "Held for", "By"), rows) if rows else "None was engaged."


def _messages(status: IncidentStatus) -> str:
    rows = [
        (
            _time(one.at) or _time(one.due_at),
            plain(one.event),
            plain(one.contact),
            plain(one.channel),
            plain(f"{one.state}: {one.why}" if one.why else one.state),
            str(one.tries),
        )
        for one in status.deliveries
    ]
    return table(("Time", "Event", "Contact", "Channel", "Outcome", "Attempts"), rows) if rows else "None was sent."


def _timeline(status: IncidentStatus) -> str:
    rows = [(_time(one.at), plain(one.kind), plain(one.by), plain(one.text)) for one in status.timeline]
    if not rows:
        return "Empty."
    return table(("Time", "What", "By", "Text"), rows) + _more(status.timeline_dropped, "entries in the middle")


def _more(number: int, what: str) -> str:
    return f"\n\nThe record had no room for {number} further {what}." if number else ""


def _checklist(incident: IncidentObject) -> str:
    ticked = [step for step, is_done in incident.spec.checklist.items() if is_done]
    done = bullets(ticked, "- [x]")
    left = bullets((step for step in incident.status.checklist if step not in ticked), "- [ ]")
    return "\n".join(filter(None, (done, left))) or "None."


def _links(status: IncidentStatus, runbook: RunbookObject | None) -> str:
    links = [(one.title, one.url) for one in status.links]
    if not links and runbook and runbook.spec:
        links = [(one.title or one.name, one.url) for one in runbook.spec.links]
    return "\n".join(f"- {link(title, url)}" for title, url in links) or "None."


def _time(text: str) -> str:
    """Return the RFC 3339 time in UTC without fractions of a second; "" if it is none."""
    at = _moment(text)
    return clock_time(at) if at else ""


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
