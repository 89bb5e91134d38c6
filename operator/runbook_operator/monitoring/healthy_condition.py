"""Compute the condition Healthy of a Runbook from its watched entries, and which of its targets are degraded."""

from collections.abc import Mapping

from runbook_operator.api.conditions import Condition, Finding, condition, find
from runbook_operator.api.monitoring_spec import Dependency, HealthEndpoint
from runbook_operator.core.level_tracker import Level
from runbook_operator.core.reasons import Reason
from runbook_operator.monitoring.entry_status import Entry, NewStatus
from runbook_operator.monitoring.intended_downtime import holding
from runbook_operator.reconcile.snapshot import RunbookSnapshot

MOST_NAMED = 8
"""The condition names at most this many entries; the lists in the status have all."""
BADNESS: Mapping[Level, int] = {"Critical": 4, "Stale": 3, "Unknown": 2, "Warning": 1, "Ok": 0}


def healthy(snapshot: RunbookSnapshot, said: NewStatus) -> Condition | None:
    """Return the condition Healthy, None if nothing is watched. Ready ignores it: the Runbook itself is in order."""
    old, generation = snapshot.runbook.status.conditions, snapshot.runbook.meta.generation
    if snapshot.runbook.spec is None:
        text = "nothing is checked while the Runbook is not valid"
        finding = Finding(None, Reason.INVALID_SPEC, text) if find(old, "Healthy") else None
    else:
        finding = _finding(snapshot, said) if said.entries else None
    return condition(old, "Healthy", finding, generation, snapshot.now) if finding else None


def degraded(said: NewStatus) -> Mapping[str, list[str]]:
    """Return the names of the dependencies that are down, by the name of the target that needs them."""
    found: dict[str, list[str]] = {}
    for entry in said.entries:
        if isinstance(entry.declared, Dependency) and _is_down(entry):
            for target in entry.declared.targets:
                found.setdefault(target, []).append(entry.key.name)
    return found


def _is_down(entry: Entry) -> bool:
    """True if the entry is Critical, or was when the data ended: no reading has shown a recovery."""
    return "Critical" in (entry.now.level, entry.now.known)


def _finding(snapshot: RunbookSnapshot, said: NewStatus) -> Finding:
    bad = sorted((one for one in said.entries if one.now.level != "Ok"), key=_rank)
    text = "; ".join(_sentence(one) + _held_down(snapshot, one) for one in bad[:MOST_NAMED])
    if len(bad) > MOST_NAMED:
        text = f"{text}; and {len(bad) - MOST_NAMED} more"
    levels = {one.now.level for one in bad}
    if "Critical" in levels:
        return Finding(False, Reason.UNHEALTHY, text)
    return Finding(None, Reason.NO_DATA, text) if levels - {"Warning"} else Finding(True, Reason.HEALTHY, text)


def _rank(entry: Entry) -> tuple[bool, int]:
    """Return the sort key: first invalid entries, which stay so until a person corrects them; then the worst level."""
    return (entry.now.reason != Reason.INVALID_SPEC, -BADNESS[entry.now.level])


def _sentence(entry: Entry) -> str:
    before = f", {entry.now.known} before" if entry.now.level == "Stale" and entry.now.known != "Unknown" else ""
    impact = entry.declared.impact_if_down if isinstance(entry.declared, Dependency) else ""
    after = f"; impact if down: {impact}" if impact else ""
    return f"{entry} is {entry.now.level}{before}: {entry.now.message}{after}"


def _held_down(snapshot: RunbookSnapshot, entry: Entry) -> str:
    """Name the switch that keeps the endpoint's target from answering; "" if none does."""
    spec = snapshot.runbook.spec
    if spec is None or not isinstance(entry.declared, HealthEndpoint):
        return ""
    target = spec.target(entry.declared.target, snapshot.runbook.meta.ref.namespace)
    every = (one for switch in snapshot.switches.values() for one in holding(switch, target))
    return next((f", since {one.text}" for one in every if one.total), "")
