"""Compute the status, the Events and the signals of each entry of a Runbook from its readings.

The status of an entry is written when its level changes, or when readings of another kind explain the same level. A
value that changes within a level causes no write.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.monitoring_spec import Dependency, EntryStatus, HealthEndpoint, Metric
from runbook_operator.api.parsing import RunbookObject, SwitchObject
from runbook_operator.api.response_spec import Alert
from runbook_operator.core.durations import spoken
from runbook_operator.core.level_tracker import SEVERITY, Level, Track, signal
from runbook_operator.core.monitors import Group, Key, Measure, MonitorState, Problem, Reading, Watch, level_of
from runbook_operator.core.notices import Notice
from runbook_operator.core.query_languages import Languages
from runbook_operator.core.reasons import Reason
from runbook_operator.core.signals import Signal
from runbook_operator.monitoring.declared_monitors import watches
from runbook_operator.monitoring.message_kind import kind_of_text
from runbook_operator.monitoring.promql import language_of
from runbook_operator.monitoring.reading_messages import PENDING, reading_text
from runbook_operator.reconcile.snapshot import RunbookSnapshot

Declared = HealthEndpoint | Dependency | Metric | Alert
LISTS: Mapping[Group, str] = {
    "HealthEndpoint": "health_endpoints",
    "Dependency": "dependencies",
    "Metric": "metrics",
    "Alert": "alerts",
}
"""The attribute of each group's list, the same in the spec and in the status."""
LABELS: Mapping[Group, str] = {
    "HealthEndpoint": "health endpoint",
    "Dependency": "dependency",
    "Metric": "metric",
    "Alert": "alert",
}
LEVEL_REASONS: Mapping[Level, Reason] = {
    "Ok": Reason.RECOVERED,
    "Warning": Reason.WARNING,
    "Critical": Reason.CRITICAL,
    "Stale": Reason.NO_DATA,
}
NOT_CHECKED = EntryStatus(name="", since="", reason="NotAskedYet", message="not checked yet")
OVERSIZED = 2
"""In the threshold of a ratio, a plain number of at least this probably lacks a percent sign."""
INVALID = Reason.INVALID_SPEC.value


@dataclass(frozen=True)
class Entry:
    """An entry of the spec, its watch or its problem, its reading, its old status and its new status."""

    key: Key
    declared: Declared
    watch: Watch | None
    problem: Problem | None
    monitor_state: MonitorState | None
    old: EntryStatus | None
    now: EntryStatus

    def __str__(self) -> str:
        return f"{LABELS[self.key.group]} {self.key.name}"

    @property
    def before(self) -> Level:
        return self.old.level if self.old else "Unknown"

    @property
    def meant(self) -> str:
        """The declared meaning, impact or likely cause, which messages about the entry add."""
        if isinstance(self.declared, HealthEndpoint):
            return f"when well: {self.declared.meaning}" if self.declared.meaning else ""
        if isinstance(self.declared, Dependency):
            return f"impact if down: {self.declared.impact_if_down}" if self.declared.impact_if_down else ""
        explains = self.declared if isinstance(self.declared, Alert) else self.declared.response
        cause = explains.likely_cause if explains and self.now.level != "Ok" else ""
        return f"likely cause: {cause}" if cause else ""

    @property
    def engages(self) -> str | None:
        """The name of the kill switch that the entry engages while it is bad, or None."""
        if isinstance(self.declared, Metric):
            return self.declared.engages
        fallback = self.declared.fallback if isinstance(self.declared, Dependency) else None
        return fallback.engage if fallback else None

    @property
    def level(self) -> Level:
        """The level that switches may act on: Unknown until this replica has had data of its own."""
        is_news = (
            self.watch is not None and self.monitor_state is not None and self.monitor_state.track.data_at is not None
        )
        return self.now.level if is_news else "Unknown"


@dataclass(frozen=True)
class NewStatus:
    """The lists of the status in the order of the spec, the Events about changes, and all entries."""

    health_endpoints: list[EntryStatus]
    dependencies: list[EntryStatus]
    metrics: list[EntryStatus]
    alerts: list[EntryStatus]
    notices: tuple[Notice, ...] = ()
    entries: tuple[Entry, ...] = ()

    @property
    def problems(self) -> list[Problem]:
        """The entries that cannot be watched, with the reasons."""
        return [one.problem for one in self.entries if one.problem]


def new_status(snapshot: RunbookSnapshot) -> NewStatus:
    """Compute the new status of all entries; a Runbook that does not parse keeps its old one."""
    status = snapshot.runbook.status
    if snapshot.runbook.spec is None:
        return NewStatus(status.health_endpoints, status.dependencies, status.metrics, status.alerts)
    entries = tuple(_entries(snapshot))
    lists = {group: [one.now for one in entries if one.key.group == group] for group in LISTS}
    notices = tuple(_notice(snapshot, one) for one in entries if _is_news(one))
    return NewStatus(lists["HealthEndpoint"], lists["Dependency"], lists["Metric"], lists["Alert"], notices, entries)


def tracks_of(runbook: RunbookObject, now: datetime) -> Mapping[Key, Track]:
    """Return the tracks that a new leader starts with: the reported levels; the time without data counts from `now`."""
    ref = runbook.meta.ref
    return {
        Key(ref, group, one.name): Track(one.level, moment(one.since), one.known, begun=now)
        for group, name in LISTS.items()
        for one in getattr(runbook.status, name)
        if one.level != "Unknown"
    }


def signals(snapshot: RunbookSnapshot) -> Mapping[str, tuple[Signal, ...]]:
    """Return the signals of metrics and dependencies by kill switch name; none if the Runbook does not parse.

    A hold gets a Release if its entry is no longer declared, or now engages another switch.
    """
    said: dict[str, list[Signal]] = {}
    for entry in new_status(snapshot).entries:
        if entry.engages is not None:
            said.setdefault(entry.engages, []).append(_signal(entry))
    if snapshot.runbook.spec is not None:
        for switch in snapshot.switches.values():
            if switch.spec.runbook == snapshot.runbook.meta.ref.name:
                said.setdefault(switch.spec.switch, []).extend(_ended_holds(switch, said.get(switch.spec.switch, ())))
    return {name: tuple(found) for name, found in said.items()}


def _entries(snapshot: RunbookSnapshot) -> Iterator[Entry]:
    runbook, found = snapshot.runbook, watches(snapshot.runbook, snapshot.languages)
    watched, wrong = {one.key: one for one in found.watches}, {one.key: one for one in found.problems}
    for group, name in LISTS.items():
        before = {one.name: one for one in getattr(runbook.status, name)}
        for declared in getattr(runbook.spec, name):
            key, old = Key(runbook.meta.ref, group, declared.name), before.get(declared.name)
            entry = Entry(
                key, declared, watched.get(key), wrong.get(key), snapshot.monitor_states.get(key), old, NOT_CHECKED
            )
            yield replace(
                entry,
                now=_entry_status(entry, snapshot.now).replace(
                    remark=_remark(declared, entry.watch, snapshot.languages)
                ),
            )


def _remark(declared: Declared, watch: Watch | None, languages: Languages) -> str:
    """Describe a likely mistake in the declaration; "" if there is none."""
    if not isinstance(declared, Metric):
        return ""
    language = language_of(languages, declared.source)
    if declared.query and (remark := language.remark(declared.query, declared.absent == "Zero")):
        return remark
    return _oversized(watch.measure) if watch and watch.measure and watch.measure.unit == "ratio" else ""


def _oversized(measure: Measure) -> str:
    """Describe the first threshold of a ratio that is a plain number of 200 % or more: it probably lacks a "%"."""
    for role, one in (("normal", measure.normal), ("warning", measure.warning), ("critical", measure.critical)):
        bound = one and next((abs(end) for end in (one.low, one.high) if math.isfinite(end)), 0)
        if one and bound and bound >= OVERSIZED and not one.kind:
            return f"{role} {one} of a ratio is {bound * 100:.0f} %; for {bound:g} % write {one}%"
    return ""


def _entry_status(entry: Entry, at: datetime) -> EntryStatus:
    """Return the new status of the entry: the old one, unless its level or the kind of its reading has changed."""
    old, new = entry.old, NOT_CHECKED.replace(name=entry.key.name, since=timestamp(at))
    if entry.problem is not None:
        said = f"{entry.problem.field}: {entry.problem.message}"
        return _since(old, new.replace(reason=INVALID, message=said))
    if entry.watch is None or entry.monitor_state is None or entry.monitor_state.reading == Reading():
        return old if old and old.reason != INVALID else _since(old, new)
    new = _reading_status(entry.key.name, entry.watch, entry.monitor_state)
    is_told = old and old.level == new.level and old.reason not in (INVALID, NOT_CHECKED.reason)
    return (
        old
        if old and is_told and not _is_of_another_kind(old, new, entry.watch, entry.monitor_state)
        else _since(old, new)
    )


def _is_of_another_kind(old: EntryStatus, new: EntryStatus, watch: Watch, monitor_state: MonitorState) -> bool:
    """True if the last two readings support the reported level but are of another kind than the reported message."""
    speaks = (
        new.level in ("Unknown", "Stale") or level_of(watch, monitor_state.reading, monitor_state.track) == new.level
    )
    if not (monitor_state.steady and speaks) or monitor_state.reading.value is not None:
        return False
    return kind_of_text(old.reason, old.message, old.series) != kind_of_text(new.reason, new.message, new.series)


def _since(old: EntryStatus | None, new: EntryStatus) -> EntryStatus:
    return new.replace(since=old.since) if old and old.level == new.level else new


def _reading_status(name: str, watch: Watch, monitor_state: MonitorState) -> EntryStatus:
    track, said = monitor_state.track, reading_text(watch, monitor_state)
    return EntryStatus(
        name=name,
        level=track.level,
        known=track.known,
        since=timestamp(track.since),
        reason=said.reason,
        message=said.message,
        value=said.value,
        series=said.series,
        baseline=said.baseline,
    )


def _is_news(entry: Entry) -> bool:
    """True if the level has changed and an Event reports that.

    No Event reports a change to Unknown, or Ok as the first known level.
    """
    level = entry.now.level
    return level not in ("Unknown", entry.before) and (entry.before, level) != ("Unknown", "Ok")


def _notice(snapshot: RunbookSnapshot, entry: Entry) -> Notice:
    meta, old, now = snapshot.runbook.meta, entry.old, entry.now
    was = f"it was {old.level} for {spoken(snapshot.now - moment(old.since))}" if old and old.level != "Unknown" else ""
    better = _gets_better(entry)
    is_well = now.level == "Ok"
    became = f"went from {entry.before} to" if better and not is_well else "is"
    said = "; ".join(filter(None, (f"{entry} {became} {now.level}: {now.message}{_lasted(entry)}", entry.meant, was)))
    # The old `since` stands until the status is written, so a repetition after a crash is the same Event.
    identity = f"{meta.uid}.{entry.key.group}.{entry.key.name}.{old.since if old else ''}.{now.level}"
    reason = Reason.IMPROVING if better and not is_well else LEVEL_REASONS[now.level]
    return Notice(meta.ref, meta.uid, reason, said, identity, warning=not better)


def _gets_better(entry: Entry) -> bool:
    """True if the level is less bad than before; Stale counts as the last known level."""
    was = entry.old.known if entry.old and entry.old.level == "Stale" else entry.before
    return entry.now.level == "Ok" or SEVERITY.get(entry.now.level, 3) < SEVERITY.get(was, 0)


def _lasted(entry: Entry) -> str:
    """Return " for <time>", the time that a worse level lasted before it was reported, else ""."""
    worse = SEVERITY.get(entry.now.level, 0) > SEVERITY.get(entry.before, 0)
    lasted = entry.watch.timing.for_ if worse and entry.watch and entry.now.reason != PENDING else timedelta()
    return f" for {spoken(lasted)}" if lasted else ""


def _signal(entry: Entry) -> Signal:
    blind = entry.now.level in ("Unknown", "Stale")
    if isinstance(entry.declared, Metric) and entry.declared.response:
        word = signal(entry.level, entry.declared.response.at)
        return Signal("Metric", entry.key.name, word, entry.now.message, blind)
    said = "; ".join(filter(None, (entry.now.message, entry.meant)))
    return Signal("Dependency", entry.key.name, signal(entry.level), said, blind)


def _ended_holds(switch: SwitchObject, said: Sequence[Signal]) -> Iterator[Signal]:
    """Yield a Release for each hold whose entry no longer signals to this switch."""
    speaking = {(one.source, one.name) for one in said}
    for hold in switch.status.holds:
        if hold.source in ("Metric", "Dependency") and (hold.source, hold.name) not in speaking:
            yield Signal(hold.source, hold.name, "Release", "it is no longer declared")
