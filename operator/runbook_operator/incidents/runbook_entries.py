"""The watched entries of a Runbook as incidents see them: what is declared, and the stored status."""

from collections.abc import Iterator
from dataclasses import dataclass

from runbook_operator.api.incident import Source
from runbook_operator.api.monitoring_spec import Dependency, EntryStatus, HealthEndpoint, Metric
from runbook_operator.api.parsing import RunbookObject
from runbook_operator.api.response_spec import Alert
from runbook_operator.api.runbook import RunbookSpec, RunbookStatus, TargetStatus
from runbook_operator.core.severities import Severity

Declared = Metric | Dependency | HealthEndpoint | Alert
SECTIONS: tuple[tuple[Source, str], ...] = (
    ("Dependency", "dependencies"),
    ("HealthEndpoint", "health_endpoints"),
    ("Alert", "alerts"),
    ("Metric", "metrics"),
)
"""By source, the attribute that lists its entries in spec and status; a cause is chosen in this order."""
WORDS: dict[Source, str] = {
    "Dependency": "dependency",
    "HealthEndpoint": "health endpoint",
    "Alert": "alert",
    "Metric": "metric",
    "Deployment": "new version of target",
    "Person": "person",
}


@dataclass(frozen=True)
class RunbookEntry:
    """An entry, or a target with a bad revision: its level since a time (RFC 3339), and the declared response."""

    source: Source
    name: str
    level: str
    since: str
    message: str = ""
    value: str = ""
    threshold: str = ""
    severity: Severity | None = None
    likely_cause: str = ""
    engages: str | None = None

    @property
    def key(self) -> tuple[Source, str]:
        return (self.source, self.name)

    @property
    def is_critical(self) -> bool:
        return self.level == "Critical"

    def sentence(self) -> str:
        """Describe the entry in one line, such as `metric error-rate is Critical: 12 %`."""
        why = f": {self.message}" if self.message else ""
        return f"{WORDS[self.source]} {self.name} is {self.level}{why}"


def entries(runbook: RunbookObject) -> Iterator[RunbookEntry]:
    """Yield the declared entries that have a status, and the targets whose new revision is bad."""
    if (spec := runbook.spec) is None:
        return
    for target in runbook.status.targets:
        if target.watch is not None and target.watch.judged_by:
            yield _bad_revision(spec, target)
    for source, section in SECTIONS:
        reported = {one.name: one for one in getattr(runbook.status, section, ())}
        for declared in getattr(spec, section):
            if declared.name in reported:
                yield _entry(source, declared, reported[declared.name])


def without_status(spec: RunbookSpec, status: RunbookStatus) -> frozenset[tuple[Source, str]]:
    """Return the declared entries and targets that the status does not have yet."""
    found: set[tuple[Source, str]] = set()
    for source, section in (("Deployment", "targets"), *SECTIONS):
        reported = {one.name for one in getattr(status, section)}
        found |= {(source, one.name) for one in getattr(spec, section) if one.name not in reported}
    return frozenset(found)


def _bad_revision(spec: RunbookSpec, target: TargetStatus) -> RunbookEntry:
    watch, first = target.watch, spec.deployments.first_action
    judged = ", ".join(watch.judged_by) if watch else ""
    return RunbookEntry(
        "Deployment",
        target.name,
        "Critical",
        watch.since if watch else "",
        message=f"revision {watch.revision if watch else 0} made {judged} Critical",
        severity=spec.deployments.severity,
        likely_cause="the version that was deployed last",
        engages=first.engage if first else None,
    )


def _entry(source: Source, declared: Declared, status: EntryStatus) -> RunbookEntry:
    cause, engages, threshold = _response(declared, status.level)
    return RunbookEntry(
        source,
        declared.name,
        status.level,
        status.since,
        status.message,
        status.value,
        threshold,
        declared.severity,
        cause,
        engages,
    )


def _response(declared: Declared, level: str) -> tuple[str, str | None, str]:
    """Return the likely cause, the kill switch to engage and the crossed threshold."""
    match declared:
        case Metric():
            threshold = {"Critical": declared.critical, "Warning": declared.warning}.get(level)
            cause = declared.response.likely_cause if declared.response else ""
            return cause, declared.engages, threshold or ""
        case Dependency():
            return declared.impact_if_down, declared.fallback.engage if declared.fallback else None, ""
        case Alert():
            return declared.likely_cause, declared.first_action.engage if declared.first_action else None, ""
        case _:
            return "", None, ""
