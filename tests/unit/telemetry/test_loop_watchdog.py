"""A decision that uses the processor for long is measured, and named in the log."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from runbook_operator.core.references import switch_ref
from runbook_operator.telemetry.loop_watchdog import watch
from runbook_operator.telemetry.metrics import Metrics

STOP = switch_ref("shop", "shop-stop")


def decide(metrics: Metrics, seconds: float, used: float, error: Exception | None = None) -> None:
    """A decision that takes so many seconds, in which it uses the processor for some of them."""
    times: Iterator[float] = iter((7.0, 7.0 + seconds))
    turns: Iterator[float] = iter((3.0, 3.0 + used))
    with watch(STOP, metrics, lambda: next(times), lambda: next(turns)):
        if error:
            raise error


@pytest.mark.parametrize(("seconds", "used", "named"), [(0.1, 0.049, 0), (0.1, 0.051, 1), (12.0, 12.0, 1)])
def test_decision_over_50_ms_of_processor_time_is_logged(seconds: float, used: float, named: int) -> None:
    with capture_logs() as logs:
        decide(Metrics(), seconds, used)

    milliseconds = {"milliseconds": round(used * 1000), "waited": round(seconds * 1000)}
    expected = {"object": str(STOP), "log_level": "warning"} | milliseconds
    assert [{key: line[key] for key in expected} for line in logs] == [expected] * named


def test_decision_waiting_for_a_busy_processor_is_measured_and_not_logged() -> None:
    metrics = Metrics()
    with capture_logs() as logs:
        decide(metrics, 5.0, 0.001)

    text = metrics.render()[0].decode()
    assert logs == []
    assert 'runbook_operator_decision_seconds_sum{kind="Switch"} 5.0' in text


def test_decisions_are_counted_by_kind_and_never_by_name() -> None:
    metrics = Metrics()

    decide(metrics, 0.04, 0.04)
    decide(metrics, 0.2, 0.2)
    with pytest.raises(ValueError, match="broken"):
        decide(metrics, 0.01, 0.01, ValueError("broken"))

    text = metrics.render()[0].decode()
    assert 'runbook_operator_decision_seconds_bucket{kind="Switch",le="0.05"} 2.0' in text
    assert 'runbook_operator_decision_seconds_count{kind="Switch"} 3.0' in text
    assert "shop-stop" not in text
