"""What a reading is said to be."""

import math
from datetime import timedelta

import pytest

from runbook_operator.core.level_tracker import Level, Track
from runbook_operator.core.monitors import MonitorState, Reading, Watch
from runbook_operator.monitoring.declared_monitors import watches
from runbook_operator.monitoring.reading_messages import ReadingText, reading_text
from tests.builders import NOW, Body
from tests.watching import READY, watching


def metric(**rules: str) -> Watch:
    spec: Body = {"name": "m", "query": "q"} | rules
    (watch,) = watches(watching(metrics=[spec]), {}).watches
    return watch


def said(watch: Watch, reading: Reading, level: Level, known: Level | None = None) -> ReadingText:
    return reading_text(watch, MonitorState(Track(level, NOW, known=known or level), reading))


@pytest.mark.parametrize(
    ("value", "level", "reason", "message"),
    [
        (0.12, "Critical", "ThresholdCrossed", "12% > 10%"),
        (0.07, "Warning", "ThresholdCrossed", "7% > 5%"),
        (0.03, "Warning", "NotNormal", "3%; normal is < 1%"),
        (0.004, "Ok", "Normal", "0.4%; normal is < 1%"),
        (0.03, "Ok", "Normal", "3%; warning is > 5%"),
        (0.004, "Critical", "Pending", "0.4%; normal is < 1%, 2m needed"),
        (0.12, "Ok", "Pending", "12% > 10%, 1m needed"),
    ],
)
def test_number_is_reported_with_the_threshold_of_its_level(
    value: float, level: Level, reason: str, message: str
) -> None:
    found = said(metric(normal="< 1%", warning="> 5%", critical="> 10%"), Reading(value=value), level)

    assert (found.reason, found.message) == (reason, message)


@pytest.mark.parametrize(
    ("rules", "value", "level", "message"),
    [
        ({"critical": "10%"}, 0.12, "Critical", "12% > 10%"),
        ({"critical": "10%"}, 0.05, "Ok", "5%; critical is > 10%"),
        ({"normal": "10%"}, 0.05, "Ok", "5%; normal is <= 10%"),
        ({"normal": "1% .. 5%"}, 0.07, "Warning", "7%; normal is 1% .. 5%"),
        ({"critical": "\u2265 500 ms", "unit": "seconds"}, 0.7, "Critical", "700ms \u2265 500 ms"),
        ({"warning": "< 5", "critical": "< 2"}, 1.0, "Critical", "1 < 2"),
        ({"warning": "< 5", "critical": "< 2"}, 9.0, "Ok", "9; warning is < 5"),
    ],
)
def test_threshold_is_reported_as_meant(rules: dict[str, str], value: float, level: Level, message: str) -> None:
    assert said(metric(**rules), Reading(value=value), level).message == message


def test_relative_threshold_is_reported_with_its_baseline() -> None:
    watch = metric(warning="> 2x", critical="> 5x", baseline="7d", unit="req/s")

    found = said(watch, Reading(value=312.0, baseline=100.0), "Warning")

    assert (found.message, found.value, found.baseline) == ("312 req/s > 2x of 100 req/s", "312 req/s", "100 req/s")


def test_relative_threshold_without_baseline_is_no_data_with_the_reason() -> None:
    watch = metric(warning="> 2x", baseline="7d")
    why = Reading(value=312.0, reason="NoBaseline", message="the median over 7d is not known")

    assert said(watch, why, "Unknown") == ReadingText("NoBaseline", "312; the median over 7d is not known", "312")
    plain = said(watch, Reading(value=312.0), "Unknown")
    assert plain == ReadingText("NoData", "312; there is no baseline for > 2x", "312")


def test_worst_of_several_series_is_named() -> None:
    watch = metric(normal="< 1%", critical="> 10%")
    series = '{pod="web-1"}'

    assert said(watch, Reading(value=0.2, series=series), "Critical").message == '20% > 10% in {pod="web-1"}'
    found = said(watch, Reading(value=0.001, series=series), "Ok")
    assert (found.message, found.series) == ('0.1% in {pod="web-1"}; normal is < 1%', series)


@pytest.mark.parametrize(
    ("value", "level", "critical", "message"),
    [
        (math.inf, "Critical", "> 10%", "+Inf > 10%; infinite, as from a division by 0"),
        (-math.inf, "Critical", "< 1", "-Inf < 1; infinite, as from a division by 0"),
        (math.inf, "Critical", "> 2x", "+Inf > 2x; infinite, as from a division by 0"),
        (-math.inf, "Ok", "> 10%", "-Inf; critical is > 10%; infinite, as from a division by 0"),
    ],
)
def test_infinite_value_is_reported_with_its_cause(value: float, level: Level, critical: str, message: str) -> None:
    watch = metric(critical=critical, baselineValue="1")
    found = said(watch, Reading(value=value, note="infinite, as from a division by 0"), level)

    assert (found.message, found.value) == (message, message[:4])


@pytest.mark.parametrize("value", [None, float("nan")])
def test_nan_is_reported_with_the_message_of_the_source(value: float | None) -> None:
    found = said(metric(critical="> 10%"), Reading(value=value, reason="NotANumber", message="NaN"), "Critical")

    assert found == ReadingText("NotANumber", "NaN")


def test_missing_data_is_reported_with_its_duration() -> None:
    reading = Reading(reason="SourceDown", message="the connection was refused")

    found = said(metric(critical="> 10%", noDataAfter="10m"), reading, "Stale", "Ok")

    assert found == ReadingText("SourceDown", "no data for 10m: the connection was refused")
    assert said(metric(critical="> 10%"), Reading(), "Stale", "Ok") == ReadingText("NoData", "no data for 5m")


def test_check_is_reported_with_its_answer() -> None:
    (watch,) = watches(watching(healthEndpoints=[READY]), {}).watches
    bad = Reading(ok=False, reason="Timeout", message="no answer in 2s: Service/web:80/")

    assert said(watch, bad, "Critical") == ReadingText("Timeout", bad.message)
    assert said(watch, bad, "Ok") == ReadingText("Pending", f"{bad.message}, 3 answers in a row needed")
    assert said(watch, Reading(ok=True, reason="Healthy"), "Ok") == ReadingText("Healthy", "Healthy")
    assert watch.timing.for_ == timedelta()


def test_failing_pod_of_several_is_named() -> None:
    (watch,) = watches(watching(healthEndpoints=[READY]), {}).watches
    reading = Reading(ok=False, reason="UnexpectedStatus", message="503", series="web-1")

    assert said(watch, reading, "Critical").series == "web-1"
