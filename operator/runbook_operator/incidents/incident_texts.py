"""The parts of an incident's status that tell people what is wrong, what to do, and what was done."""

from collections.abc import Iterator

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.incident import (
    MOST_SWITCHES,
    IncidentAction,
    IncidentColumns,
    IncidentStatus,
    IncidentSwitch,
)
from runbook_operator.api.parsing import switch_name
from runbook_operator.api.response_spec import Issue
from runbook_operator.core import kubectl_commands
from runbook_operator.core.references import switch_ref
from runbook_operator.incidents import issues
from runbook_operator.incidents.incident_signals import current
from runbook_operator.incidents.lifecycle import Found
from runbook_operator.incidents.runbook_entries import without_status
from runbook_operator.incidents.timeline import MOST_NAME, add, entry

INITIAL_RESPONSE = ("assess", "communicate", "mitigate", "investigate", "resolve", "document")
"""The checklist of a Runbook that declares none."""


def with_signals(found: Found, status: IncidentStatus) -> IncidentStatus:
    """Update the signals, and the common issue that they match; a timeline entry tells each change of level."""
    incident, before = found.snapshot.incident, {(one.source, one.name): one.level for one in status.signals}
    runbook = found.snapshot.runbook
    if runbook is None or runbook.spec is None:
        return status
    silent = without_status(runbook.spec, runbook.status)
    signals, dropped = current(status.signals, found.entries, incident.spec.cause, found.now, silent)
    sentences = {one.key: one.sentence() for one in found.entries}
    texts = [
        entry(one.since, "Signal", sentences.get((one.source, one.name), f"{one.name} is {one.level}: {one.message}"))
        for one in signals
        if before.get((one.source, one.name)) != one.level
    ]
    issue = issues.matching(runbook.spec, signals)
    name = issue.name if issue else status.issue
    return add(status.replace(signals=signals, signals_dropped=dropped, issue=name), *texts)


def with_advice(found: Found, status: IncidentStatus) -> IncidentStatus:
    """Set the likely cause and the first action: those of the common issue, else those of the cause."""
    issue, cause = _issue(found, status), found.cause()
    likely = (issue.likely_cause if issue else "") or (cause.likely_cause if cause else "") or status.likely_cause
    return status.replace(likely_cause=likely[:1024], first_action=_first_action(found, issue) or status.first_action)


def _issue(found: Found, status: IncidentStatus) -> Issue | None:
    runbook = found.snapshot.runbook
    declared = runbook.spec.issues if runbook and runbook.spec else []
    return next((one for one in declared if one.name == status.issue), None)


def _first_action(found: Found, issue: Issue | None) -> IncidentAction | None:
    cause = found.cause()
    if issue is not None and issue.resolution:
        first = issue.resolution[0]
        return _action(found, first.text, first.engage)
    if cause is not None and cause.engages:
        return _action(found, f"engage the switch {cause.engages}", cause.engages)
    return None


def _action(found: Found, text: str, switch: str | None) -> IncidentAction:
    """Return the action with the command that throws its switch; without a command if the switch is engaged."""
    if switch is None:
        return IncidentAction(text=text)
    incident = found.snapshot.incident
    live = found.snapshot.switches.get(switch)
    if live is not None and live.status.record is not None:
        return IncidentAction(text=f"{text} (switch {switch} is already engaged)")
    ref = switch_ref(incident.meta.ref.namespace, switch_name(incident.spec.runbook, switch))
    return IncidentAction(text=text, command=kubectl_commands.throw(ref, incident.meta.ref.name))


def with_switches(found: Found, status: IncidentStatus) -> IncidentStatus:
    """Record the switches that were engaged during the incident, and their releases."""
    since = moment(status.bad_since)
    known = {(one.switch, one.engaged_at): one for one in status.switches}
    for one in _engagements(found):
        if moment(one.engaged_at) >= since or not one.released_at or moment(one.released_at) >= since:
            known[one.switch, one.engaged_at] = one
    fresh = sorted(known.values(), key=lambda one: one.engaged_at)[:MOST_SWITCHES]
    before = {(one.switch, one.engaged_at): one.released_at for one in status.switches}
    texts = [
        entry(one.engaged_at, "SwitchEngaged", f"switch {one.switch} was engaged", one.by)
        for one in fresh
        if (one.switch, one.engaged_at) not in before
    ]
    texts += [
        entry(one.released_at, "SwitchReleased", f"switch {one.switch} was released")
        for one in fresh
        if one.released_at and not before.get((one.switch, one.engaged_at))
    ]
    return add(status.replace(switches=fresh), *texts)


def _engagements(found: Found) -> Iterator[IncidentSwitch]:
    for name, switch in found.snapshot.switches.items():
        for past in switch.status.history:
            yield IncidentSwitch(
                switch=name, engaged_at=past.engaged_at, released_at=past.released_at, by=past.engaged_by[:MOST_NAME]
            )
        if (record := switch.status.record) is not None:
            yield IncidentSwitch(switch=name, engaged_at=record.engaged_at, by=record.engaged_by[:MOST_NAME])


def with_words(found: Found, status: IncidentStatus) -> IncidentStatus:
    """Put new notes and done steps of the checklist into the timeline."""
    incident = found.snapshot.incident
    spec, author = incident.spec, incident.note
    if spec.note != status.note:
        text = spec.note or "the note was removed"
        status = add(status.replace(note=spec.note), entry(author.at or timestamp(found.now), "Note", text, author.by))
    done = sorted({name[:MOST_NAME] for name, is_done in spec.checklist.items() if is_done})
    texts = [entry(found.now, "ChecklistStep", f"{name} is done") for name in done if name not in status.done]
    return add(status.replace(done=done, checklist=_open_steps(found, done)), *texts)


def _open_steps(found: Found, done: list[str]) -> list[str]:
    runbook = found.snapshot.runbook
    declared = [one.name for one in runbook.spec.initial_response] if runbook and runbook.spec else []
    return [name for name in declared or INITIAL_RESPONSE if name not in done]


def columns(found: Found, status: IncidentStatus) -> IncidentColumns:
    """Return the texts of the columns of kubectl get."""
    cause = found.snapshot.incident.spec.cause
    return status.columns.replace(cause=f"{cause.source} {cause.name}".strip())
