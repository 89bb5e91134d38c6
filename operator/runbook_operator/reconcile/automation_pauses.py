"""Gates that need no snapshot of the switch: a suspension, a maintenance window, a cool-down.

The deployment guard checks them too, so that its announcements about a switch are true.
"""

from dataclasses import dataclass
from datetime import datetime

from runbook_operator.api.conditions import clock_time, moment
from runbook_operator.api.parsing import RunbookObject, SwitchObject
from runbook_operator.api.runbook import RunbookSpec
from runbook_operator.core import maintenance_windows
from runbook_operator.core.durations import duration
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.snapshot import suspended


@dataclass(frozen=True)
class Gate:
    """A closed gate. It opens at `until`; None if only a later visit can find out that it has opened."""

    reason: Reason
    message: str
    until: datetime | None = None


def suspension(runbook: RunbookObject, now: datetime) -> Gate | None:
    """Return the gate that `spec.suspend` closes, None if it is open."""
    suspend = runbook.spec.suspend if runbook.spec else None
    if suspend is None or not suspended(runbook, now):
        return None
    why = f": {suspend.reason}" if suspend.reason else ""
    return Gate(Reason.SUSPENDED, f"the Runbook is suspended{why}", suspend.until)


def unreadable(spec: RunbookSpec) -> tuple[Reason, str] | None:
    """Return the reason and message for the first maintenance window that cannot be parsed, None for none."""
    for index, window in enumerate(spec.automation.maintenance_windows):
        try:
            maintenance_windows.check(window.schedule, window.time_zone)
        except ValueError as error:
            return Reason.INVALID_SPEC, f"spec.automation.maintenanceWindows[{index}] ({window.name}): {error}"
    return None


def maintenance(spec: RunbookSpec, now: datetime) -> Gate | None:
    """Return the gate of the open window that ends last, None for none. An unparsable window counts as open."""
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
    """Return the gate of the cool-down, None if it is over or the Switch has changed since the last engagement.

    A person who has changed the Switch since then, and left it to automation, wants automation at once.
    """
    last = next((one for one in switch.status.history if one.source != "Person"), None)
    if last is None or last.generation != switch.meta.generation:
        return None
    until = moment(last.released_at) + duration(spec.automation.cool_down)
    if now >= until:
        return None
    return Gate(Reason.COOL_DOWN, f"cool-down after the last automatic engagement, until {clock_time(until)}", until)


def pause(runbook: RunbookObject, switch: SwitchObject, now: datetime) -> str:
    """Return why automation does not engage this idle switch now, and until when; empty if these gates are open."""
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
