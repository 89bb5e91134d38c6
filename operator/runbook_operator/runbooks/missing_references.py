"""Find the Services, ports and Secrets that a Runbook's checks and metrics name and the cluster does not have."""

from collections.abc import Iterator

from runbook_operator.api.conditions import find
from runbook_operator.core.monitors import SECTIONS, Reading
from runbook_operator.core.reasons import Reason
from runbook_operator.monitoring.entry_status import Entry, NewStatus
from runbook_operator.reconcile.snapshot import RunbookSnapshot

ABSENT = frozenset(
    {
        *("ServiceNotFound", "PortNotFound", "SecretNotFound", "SecretKeyNotFound"),
        *(Reason.TARGET_NOT_FOUND, Reason.KIND_NOT_FOUND),
    }
)
"""Reasons of a reading that only a person can end, by creating the named object or by naming another one."""


def missing(snapshot: RunbookSnapshot, said: NewStatus) -> tuple[Reason, str] | None:
    """Return a message on the first entry that names something missing, with the number of further ones."""
    found = list(_missing(snapshot, said))
    if not found:
        return None
    more = f"; and {len(found) - 1} more like it" if len(found) > 1 else ""
    return Reason.REFERENCE_NOT_FOUND, f"{found[0]}{more}"


def _missing(snapshot: RunbookSnapshot, said: NewStatus) -> Iterator[str]:
    ready = find(snapshot.runbook.status.conditions, "Ready")
    before = ready.message if ready and ready.reason == Reason.REFERENCE_NOT_FOUND else ""
    places = dict.fromkeys(SECTIONS, 0)
    for entry in said.entries:
        field = f"spec.{SECTIONS[entry.key.group]}[{places[entry.key.group]}] ({entry.key.name}): "
        places[entry.key.group] += 1
        if (reading := _asked(entry)) is None:
            # After a restart of the operator, the message of Ready stays until the first answer.
            yield from [before.partition("; and ")[0]] if before.startswith(field) else []
        elif reading.reason in ABSENT:
            yield f"{field}{reading.message}"


def _asked(entry: Entry) -> Reading | None:
    return entry.monitor_state.reading if entry.monitor_state and entry.monitor_state.reading != Reading() else None
