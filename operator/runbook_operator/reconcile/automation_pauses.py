"""Gates that can be told without the world of the switch: a suspension, a maintenance window, a cool-down.

The deployment guard asks them too, so that what it announces of a switch is true.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from runbook_operator.api.conditions import moment
from runbook_operator.api.parsing import RunbookObject, SwitchObject
from runbook_operator.api.runbook import RunbookSpec
from runbook_operator.core import maintenance_windows
from runbook_operator.core.durations import duration
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.snapshot import suspended


@dataclass(frozen=True)
class Gate:
    """A gate that is closed; `until` where time alone opens it, None where it must be looked at again."""

    reason: Reason
    message: str
    until: datetime | None = None


def suspension(runbook: RunbookObject, now: datetime) -> Gate | None:
    """The gate that a person closes by hand."""
    suspend = runbook.spec.suspend if runbook.spec else None
    if suspend is None or not suspended(runbook, now):
        return None
    why = f": {suspend.reason}" if suspend.reason else ""
    return Gate(Reason.SUSPENDED, f"the Runbook is suspended{why}", suspend.until)


def unreadable(spec: RunbookSpec) -> tuple[Reason, str] | None:
    """What is wrong with the first maintenance window that cannot be read."""
    for index, window in enumerate(spec.automation.maintenance_windows):
        try:
            maintenance_windows.check(window.schedule, window.time_zone)
        except ValueError as error:
            return Reason.INVALID_SPEC, f"spec.automation.maintenanceWindows[{index}] ({window.name}): {error}"
    return None


def maintenance(spec: RunbookSpec, now: datetime) -> Gate | None:
    """A window that cannot be read is one that may be open."""
    if (wrong := unreadable(spec)) is not None:
        return Gate(*wrong)
    windows = spec.automation.maintenance_windows
    ends = (
        (maintenance_windows.closes(one.schedule, one.time_zone, duration(one.duration), now), one.name)
        for one in windows
    )
    until, name = max(((end, name) for end, name in ends if end), default=(None, ""))
    if until is None:
        return None
    return Gate(Reason.MAINTENANCE_WINDOW, f"maintenance window {name} is open until {clock_time(until)}", until)


def cooling(switch: SwitchObject, spec: RunbookSpec, now: datetime) -> Gate | None:
    """Who has said anything since, and left it to what is automatic, wants that at once."""
    last = next((one for one in switch.status.history if one.source != "Person"), None)
    if last is None or last.generation != switch.meta.generation:
        return None
    until = moment(last.released_at) + duration(spec.automation.cool_down)
    if now >= until:
        return None
    return Gate(Reason.COOL_DOWN, f"cool-down after the last automatic engagement, until {clock_time(until)}", until)


def pause(runbook: RunbookObject, switch: SwitchObject, now: datetime) -> str:
    """Why nothing automatic engages this idle switch now, and until when; empty where none of these gates is closed."""
    spec = runbook.spec
    if spec is None or switch.status.record is not None:
        return ""
    if spec.mode == "Observe":
        return "mode: Observe"
    if switch.spec.engaged is False:
        return f"Switch {switch.meta.ref.name} has engaged: false"
    gate = suspension(runbook, now) or maintenance(spec, now) or cooling(switch, spec, now)
    until = f" until {clock_time(gate.until)}" if gate and gate.until and gate.reason is Reason.SUSPENDED else ""
    return f"{gate.message}{until}" if gate else ""


def clock_time(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
