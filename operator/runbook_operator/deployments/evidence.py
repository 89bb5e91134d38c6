"""What judges a revision: the metrics and health endpoints of its target, and how each of them is now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from runbook_operator.api.conditions import moment
from runbook_operator.api.monitoring_spec import HealthEndpoint, Metric, Sensed
from runbook_operator.api.target_specs import Target
from runbook_operator.core.durations import duration
from runbook_operator.core.level_tracker import SEVERITY, Level, Track
from runbook_operator.core.monitors import Group, Key, Reading
from runbook_operator.monitoring.declared_monitors import patience_of, watches
from runbook_operator.monitoring.reading_messages import words
from runbook_operator.reconcile.snapshot import RunbookWorld

Entry = Metric | HealthEndpoint
CALLED = {"Metric": "metric", "HealthEndpoint": "health endpoint"}


@dataclass(frozen=True)
class Judge:
    """One metric or health endpoint: its name for people, and what is known of it.

    After a restart that is what was told before, until it is `asked` again.
    """

    name: str
    key: Key
    track: Track
    asked: bool
    patience: timedelta = timedelta()
    """For how long after a change it may still be told by what was before."""

    @property
    def level(self) -> Level:
        """How it is now."""
        return self.track.level if self.asked else "Unknown"

    @property
    def is_well(self) -> bool:
        """Whether it is Ok, and not about to be Critical."""
        return self.level == "Ok" and self.track.candidate != "Critical"

    @property
    def bad_since(self) -> datetime | None:
        """Since when it is Critical, or on the way to it, None where it is neither. Under Stale it is what it was."""
        if "Critical" in (self.track.level, self.track.known if self.track.level == "Stale" else ""):
            return self.track.since
        return self.track.candidate_since if self.track.candidate == "Critical" else None

    def was_bad(self, at: datetime) -> bool:
        """Whether it was Critical already then, or on the way to it. Under Stale it is what it was last."""
        if self.track.level == "Stale":
            return self.track.known == "Critical"
        if self.track.level == "Critical":
            return self.track.since < at
        return self.track.candidate == "Critical" and self.track.candidate_since < at

    def has_data(self, since: datetime) -> bool:
        """Whether what is told of it comes from data of this time."""
        return self.level in SEVERITY and self.track.data_at is not None and self.track.data_at >= since


def judges(world: RunbookWorld, target: Target) -> tuple[Judge, ...]:
    """What judges a new revision of the target."""
    spec = world.runbook.spec
    assert spec  # noqa: S101 # it declares the target
    rules, told = spec.deployments, world.runbook.status
    endpoints = [one for one in spec.health_endpoints if one.target == target.name]
    metrics = [one for one in spec.metrics if one.critical is not None]
    return (
        *_of(world, "Metric", _chosen(metrics, rules.metrics), told.metrics),
        *_of(world, "HealthEndpoint", _chosen(endpoints, rules.health_endpoints), told.health_endpoints),
    )


def nobody(world: RunbookWorld, target: Target) -> str:
    """Why nothing judges a revision of the target, empty where something does."""
    spec = world.runbook.spec
    assert spec  # noqa: S101 # as above
    if not duration(spec.deployments.monitor_for):
        return "deployments.monitorFor is 0s"
    if not judges(world, target):
        return "no metric with a critical threshold and no health endpoint of the target judges it"
    return ""


def seen_by(world: RunbookWorld, judge: Judge) -> str:
    """What it has seen, in a sentence."""
    watch = next((one for one in watches(world.runbook).watches if one.key == judge.key), None)
    sense = world.senses.get(judge.key)
    found = words(watch, sense).message if watch and sense else ""
    return f"{judge.name} is Critical" + (f" ({found})" if found else "")


def _chosen(entries: Sequence[Entry], names: Sequence[str] | None) -> Iterator[Entry]:
    return (one for one in entries if names is None or one.name in names)


def _of(world: RunbookWorld, group: Group, entries: Iterator[Entry], told: Sequence[Sensed]) -> Iterator[Judge]:
    before = {one.name: one for one in told}
    for entry in entries:
        key = Key(world.runbook.meta.ref, group, entry.name)
        sense = world.senses.get(key)
        track = sense.track if sense else _track(before.get(entry.name), world.now)
        asked = sense is not None and sense.reading != Reading()
        yield Judge(f"{CALLED[group]} {entry.name}", key, track, asked, patience_of(entry))


def _track(told: Sensed | None, now: datetime) -> Track:
    """What is known of an entry that was not asked yet."""
    return Track(told.level, moment(told.since), known=told.known) if told else Track("Unknown", now)
