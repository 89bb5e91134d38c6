"""A decision that holds the event loop for long is measured, and named in the log."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from runbook_operator.model.refs import switch_ref
from runbook_operator.report.metrics import Metrics
from runbook_operator.report.watchdog import watch

STOP = switch_ref("shop", "shop-stop")


def decide(metrics: Metrics, seconds: float, error: Exception | None = None) -> None:
    """A decision that takes so many seconds."""
    times: Iterator[float] = iter((7.0, 7.0 + seconds))
    with watch(STOP, metrics, lambda: next(times)):
        if error:
            raise error


@pytest.mark.parametrize(("seconds", "named"), [(0.049, 0), (0.051, 1), (12.0, 1)])
def test_decision_above_50_ms_is_named_in_the_log(seconds: float, named: int) -> None:
    with capture_logs() as logs:
        decide(Metrics(), seconds)

    expected = {"object": str(STOP), "milliseconds": round(seconds * 1000), "log_level": "warning"}
    assert [{key: line[key] for key in expected} for line in logs] == [expected] * named


def test_decisions_are_counted_by_kind_and_never_by_name() -> None:
    metrics = Metrics()

    decide(metrics, 0.04)
    decide(metrics, 0.2)
    with pytest.raises(ValueError, match="broken"):
        decide(metrics, 0.01, ValueError("broken"))

    text = metrics.render()[0].decode()
    assert 'runbook_operator_decision_seconds_bucket{kind="Switch",le="0.05"} 2.0' in text
    assert 'runbook_operator_decision_seconds_count{kind="Switch"} 3.0' in text
    assert "shop-stop" not in text
