"""Collect the metrics and health endpoints of a target that judge its revisions, with their current levels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from runbook_operator.api.conditions import moment
from runbook_operator.api.monitoring_spec import EntryStatus, HealthEndpoint, Metric
from runbook_operator.api.target_specs import Target
from runbook_operator.core.durations import duration
from runbook_operator.core.level_tracker import SEVERITY, Level, Track
from runbook_operator.core.monitors import Group, Key, Reading
from runbook_operator.monitoring.declared_monitors import patience_of, watches
from runbook_operator.monitoring.reading_messages import reading_text
from runbook_operator.reconcile.snapshot import RunbookSnapshot

Entry = Metric | HealthEndpoint
LABELS = {"Metric": "metric", "HealthEndpoint": "health endpoint"}


@dataclass(frozen=True)
class Judge:
    """One metric or health endpoint that judges a revision: its name for people, and its track.

    After a restart `track` is the level in the status, and `asked` is False, until there is a reading.
    """

    name: str
    key: Key
    track: Track
    asked: bool
    patience: timedelta = timedelta()
    """The time after a change in which its level may still come from data from before the change."""

    @property
    def level(self) -> Level:
        """The current level; Unknown until there is a reading."""
        return self.track.level if self.asked else "Unknown"

    @property
    def is_well(self) -> bool:
        """True if it is Ok, and not about to be Critical."""
        return self.level == "Ok" and self.track.candidate != "Critical"

    @property
    def bad_since(self) -> datetime | None:
        """The time since which it is, or is about to be, Critical, or None. Under Stale the last known level counts."""
        if "Critical" in (self.track.level, self.track.known if self.track.level == "Stale" else ""):
            return self.track.since
        return self.track.candidate_since if self.track.candidate == "Critical" else None

    def was_bad(self, at: datetime) -> bool:
        """True if it was, or was about to be, Critical before this time. Under Stale the last known level counts."""
        if self.track.level == "Stale":
            return self.track.known == "Critical"
        if self.track.level == "Critical":
            return self.track.since < at
        return self.track.candidate == "Critical" and self.track.candidate_since < at

    def has_data(self, since: datetime) -> bool:
        """True if its level comes from data of this time or later."""
        return self.level in SEVERITY and self.track.data_at is not None and self.track.data_at >= since


def judges(snapshot: RunbookSnapshot, target: Target) -> tuple[Judge, ...]:
    """Return the metrics and health endpoints that judge a new revision of the target."""
    spec = snapshot.runbook.spec
    assert spec  # noqa: S101 # it declares the target
    rules, told = spec.deployments, snapshot.runbook.status
    endpoints = [one for one in spec.health_endpoints if one.target == target.name]
    metrics = [one for one in spec.metrics if one.critical is not None]
    return (
        *_of(snapshot, "Metric", _chosen(metrics, rules.metrics), told.metrics),
        *_of(snapshot, "HealthEndpoint", _chosen(endpoints, rules.health_endpoints), told.health_endpoints),
    )


def why_unjudged(snapshot: RunbookSnapshot, target: Target) -> str:
    """Return the reason why nothing judges a revision of the target; "" if something does."""
    spec = snapshot.runbook.spec
    assert spec  # noqa: S101 # it declares the target
    if not duration(spec.deployments.monitor_for):
        return "deployments.monitorFor is 0s"
    if not judges(snapshot, target):
        return "no metric with a critical threshold and no health endpoint of the target can judge it"
    return ""


def describe_reading(snapshot: RunbookSnapshot, judge: Judge) -> str:
    """Describe the Critical reading in a sentence."""
    watch = next((one for one in watches(snapshot.runbook, snapshot.languages).watches if one.key == judge.key), None)
    monitor_state = snapshot.monitor_states.get(judge.key)
    found = reading_text(watch, monitor_state).message if watch and monitor_state else ""
    return f"{judge.name} is Critical" + (f" ({found})" if found else "")


def _chosen(entries: Sequence[Entry], names: Sequence[str] | None) -> Iterator[Entry]:
    return (one for one in entries if names is None or one.name in names)


def _of(
    snapshot: RunbookSnapshot, group: Group, entries: Iterator[Entry], told: Sequence[EntryStatus]
) -> Iterator[Judge]:
    before = {one.name: one for one in told}
    for entry in entries:
        key = Key(snapshot.runbook.meta.ref, group, entry.name)
        monitor_state = snapshot.monitor_states.get(key)
        track = monitor_state.track if monitor_state else _track(before.get(entry.name), snapshot.now)
        asked = monitor_state is not None and monitor_state.reading != Reading()
        yield Judge(f"{LABELS[group]} {entry.name}", key, track, asked, patience_of(entry, snapshot.languages))


def _track(told: EntryStatus | None, now: datetime) -> Track:
    """Return the track of an entry without a reading: the level in the status."""
    return Track(told.level, moment(told.since), known=told.known) if told else Track("Unknown", now)
