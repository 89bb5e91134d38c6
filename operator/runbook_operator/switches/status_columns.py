"""Compute the columns of `kubectl get switches` from the rest of the status."""

import re
from collections.abc import Iterator, Sequence

from runbook_operator.api.conditions import Condition, clock, find
from runbook_operator.api.printer_columns import Columns
from runbook_operator.api.switch import Hold, SwitchStatus
from runbook_operator.automation import momentary_throws
from runbook_operator.automation.desired_state import format_holder, in_force
from runbook_operator.core.kubectl_commands import silence
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.snapshot import Snapshot

DOES, WHY = 24, 20
"""The most characters of the two columns: the table should fit into about 120."""
LEAST = 5
"""The fewest characters of an action that are worth showing before its value."""
VALUE = re.compile(r" (?:to|by|times) \S+(?: per \w+)?$")
"""The end of an action's text that contains the value it sets."""
USUAL = frozenset({Reason.AUTOMATIC, Reason.MANUAL})
"""Reasons of Automatic that need no message."""


def columns(snapshot: Snapshot, status: SwitchStatus) -> Columns:
    """Return the columns of this status; all its other fields must be set."""
    said = status.override
    why, by = _who(status)
    notes = [
        _still_held_note(snapshot, status),
        message(status.conditions),
        momentary_throws.without_meaning(snapshot),
        _stale_reason_note(snapshot, status),
    ]
    return Columns(
        does=_shortened(status.does, DOES),
        automatic=_automatic(snapshot, status),
        until=clock(said.expires_at, said.since) if said and said.expires_at else "",
        why=_cut(why, WHY),
        by=by,
        message="; ".join(filter(None, notes)),
    )


def _who(status: SwitchStatus) -> tuple[str, str]:
    """Return reason and author of the override, else of an automatic hold that outlasts a throw, else of the record."""
    said, record = status.override, status.record
    if said is not None:
        return said.reason, said.by
    if record is None:
        return "", ""
    held = next(iter(_keepers(status)), None)
    return (record.reason, record.engaged_by) if held is None else (held.reason, format_holder(held.source, held.name))


def _keepers(status: SwitchStatus) -> list[Hold]:
    """Return the automatic holds that keep the switch engaged after a person's throw has ended."""
    record = status.record
    if record is None or record.source != "Person" or status.override is not None:
        return []
    return [one for one in status.holds if one.source != "Person"]


def _still_held_note(snapshot: Snapshot, status: SwitchStatus) -> str:
    """Return a note on a throw that has ended while automatic holds keep the switch engaged."""
    names = ", ".join(format_holder(one.source, one.name) for one in _keepers(status))
    if not names:
        return ""
    command = silence(snapshot.switch.meta.ref, expires_after="1h")
    return f"the throw has ended, and {names} keeps the switch engaged. To release it: {command}"


def reported(status: SwitchStatus, conditions: list[Condition]) -> SwitchStatus:
    """Return the status with other conditions, and with their message in its column."""
    shown = status.columns.replace(message=message(conditions))
    return status.replace(conditions=conditions, columns=shown)


def message(conditions: Sequence[Condition]) -> str:
    """Return the messages of all unusual conditions, else that of Ready."""
    ready = find(conditions, "Ready")
    return "; ".join(dict.fromkeys(_unusual(conditions))) or (ready.message if ready else "")


def _unusual(conditions: Sequence[Condition]) -> Iterator[str]:
    found = {one.type: one for one in conditions}
    if (ready := found.get("Ready")) and ready.status != "True":
        yield ready.message
    yield from (found[kind].message for kind in ("Contested", "Outdated") if kind in found)
    if (engaged := found.get("Engaged")) and engaged.reason in (Reason.OBSERVING, Reason.REHEARSED):
        yield engaged.message
    if (acted := found.get("Acted")) and acted.reason == Reason.EXPIRED:
        yield acted.message
    if (automatic := found.get("Automatic")) and automatic.reason not in USUAL:
        yield automatic.message


def _automatic(snapshot: Snapshot, status: SwitchStatus) -> str:
    declared, said = snapshot.entry or status.record, in_force(snapshot)
    if declared is not None and declared.momentary:
        return "-"
    is_engaged = status.record is not None and status.phase in ("Engaging", "Engaged")
    if is_engaged and not (said is not None and said.engaged):
        return "Engaged"
    found = find(status.conditions, "Automatic")
    return found.reason if found else ""


def _stale_reason_note(snapshot: Snapshot, status: SwitchStatus) -> str:
    """Return a note on a reason in the spec that is not the reason of this override."""
    spec = snapshot.switch.spec
    if status.override is None or not spec.reason or status.override.reason == spec.reason:
        return ""
    return (
        f"spec.reason ({_cut(spec.reason, WHY)}) was set for an earlier throw, so it is not reported for this "
        'one: set a new reason, and at the release set "engaged":null,"reason":null'
    )


def _shortened(does: str, most: int) -> str:
    """Cut off actions at the end. If the first one is too long itself, cut its middle and keep the value at its end."""
    first, more, _ = does.partition("; ")
    end = VALUE.search(first)
    if len(first) <= most or end is None:
        return _cut(does, most)
    mark = "…" if more else ""
    left = most - len(end[0]) - len(mark) - 1
    return f"{first[: end.start()][:left].rstrip()}…{end[0]}{mark}" if left >= LEAST else _cut(does, most)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
