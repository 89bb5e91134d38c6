"""Describe a reading for people: the answer to a check, or a number next to its threshold."""

import math
import re
from dataclasses import dataclass, replace
from functools import partial

from runbook_operator.core.durations import spoken
from runbook_operator.core.level_tracker import SEVERITY, Level, needed
from runbook_operator.core.monitors import Measure, MonitorState, Reading, Watch, level_of
from runbook_operator.core.number_format import beside, figure
from runbook_operator.core.thresholds import Role, Threshold

NO_DATA = "NoData"
PENDING = "Pending"
CROSSED = "ThresholdCrossed"
NOT_NORMAL = "NotNormal"
NORMAL = "Normal"
FIRING = "Firing"
NOT_FIRING = "NotFiring"
OWN_LABELS = re.compile(r'\b(?:alertname|alertstate)="(?:[^"\\]|\\.)*",?')
"""The labels that the message about an alert does not repeat."""


@dataclass(frozen=True)
class ReadingText:
    """A reading as a CamelCase reason, a sentence, and for a metric its value, series and baseline."""

    reason: str
    message: str
    value: str = ""
    series: str = ""
    baseline: str = ""


def reading_text(watch: Watch, monitor_state: MonitorState) -> ReadingText:
    """Describe the last reading as the explanation of the reported level."""
    level = level_of(watch, monitor_state.reading, monitor_state.track)
    said = _text(watch, monitor_state.reading, level)
    if level in SEVERITY:
        pending = replace(
            said, reason=PENDING, message=f"{said.message}, {_needed(watch, monitor_state, level)} needed"
        )
        return said if level == monitor_state.track.level else pending
    if monitor_state.track.level == "Stale":
        silent = f"no data for {spoken(watch.timing.no_data_after)}"
        return replace(said, message=": ".join(filter(None, (silent, said.message))))
    return said


def _text(watch: Watch, reading: Reading, level: Level) -> ReadingText:
    if watch.measure is None:
        return _answer_text(reading)
    if watch.alert and reading.value is not None:
        return _alert(watch.alert, reading)
    return _measured(watch.measure, reading, level)


def _alert(alert: str, reading: Reading) -> ReadingText:
    if not reading.value:
        return ReadingText(NOT_FIRING, f"alert {alert} does not fire")
    labels = OWN_LABELS.sub("", reading.series.removeprefix("ALERTS").strip("{}")).strip(",")
    return ReadingText(FIRING, f"alert {alert} fires{f': {labels}' if labels else ''}", series=labels)


def _needed(watch: Watch, monitor_state: MonitorState, level: Level) -> str:
    """Format how long, or for how many readings in a row, a level must last before it counts."""
    length, answers = needed(monitor_state.track, level, watch.timing)
    return spoken(length) if length else f"{answers} answers in a row"


def _answer_text(reading: Reading) -> ReadingText:
    return ReadingText(reading.reason or NO_DATA, reading.message or reading.reason, series=reading.series)


def _measured(measure: Measure, reading: Reading, level: Level) -> ReadingText:
    value = reading.value
    if value is None or math.isnan(value):
        return _answer_text(reading)
    rule = _speaking(measure, value, reading.baseline, level)
    shown = beside(value, rule.threshold, measure.unit) if math.isfinite(value) else _infinite(value)
    baseline = figure(reading.baseline, measure.unit) if reading.baseline is not None else ""
    said = partial(ReadingText, value=shown, series=reading.series, baseline=baseline)
    if rule.holds is None:
        why = reading.message or f"there is no baseline for {rule}"
        return said(reading.reason or NO_DATA, f"{shown}; {why}")
    where = f" in {reading.series}" if reading.series else ""
    against = f"{rule} of {baseline}" if rule.threshold.relative and baseline else str(rule)
    note = f"; {reading.note}" if reading.note else ""
    if rule.holds and rule.role != "normal":
        return said(CROSSED, f"{shown} {against}{where}{note}")
    return said(NORMAL if level == "Ok" else NOT_NORMAL, f"{shown}{where}; {rule.role} is {against}{note}")


def _infinite(value: float) -> str:
    return "+Inf" if value > 0 else "-Inf"


@dataclass(frozen=True)
class _Rule:
    """A threshold, its role, and `holds`: True if the value meets it, None if that is not known."""

    role: Role
    threshold: Threshold
    holds: bool | None

    def __str__(self) -> str:
        """Return the threshold with its comparison operator, also if it was written as a quantity alone."""
        text = self.threshold.text
        if text[0] in "<>\u2264\u2265" or self.threshold.direction == "within":
            return text
        return f"<= {text}" if self.role == "normal" else f"> {text}"

    def makes(self, level: Level) -> bool:
        """True if this threshold is the cause of the level."""
        if level == "Ok":
            return (self.role == "normal") == bool(self.holds)
        return self.holds is None if level == "Unknown" else bool(self.holds) and self.role == level.lower()


def _speaking(measure: Measure, value: float, baseline: float | None, level: Level) -> _Rule:
    """Return the threshold that is the cause of the level; the first declared one if none is."""
    written: tuple[tuple[Role, Threshold | None], ...] = (
        ("normal", measure.normal),
        ("warning", measure.warning),
        ("critical", measure.critical),
    )
    rules = [_Rule(role, one, one.holds(value, baseline)) for role, one in written if one]
    return next((rule for rule in rules if rule.makes(level)), rules[0])
