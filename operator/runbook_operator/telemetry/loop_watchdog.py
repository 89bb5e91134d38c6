"""Limit and measure the time that one decision blocks the event loop, which leases, probes and throws wait for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from runbook_operator.core import yaml_values
from runbook_operator.core.references import Ref
from runbook_operator.telemetry.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LONGEST = 0.05
"""Seconds of CPU time; a decision that uses more is logged."""
Clock = Callable[[], float]


@contextmanager
def watch(key: Ref, metrics: Metrics, monotonic: Clock, processor: Clock) -> Iterator[None]:
    """Measure a decision about an object, even if it raises, and limit the YAML that it parses.

    The histogram has the elapsed time, which everything else waited. The log names only decisions with much CPU time,
    as read from `processor`: on a busy machine any decision may take long.
    """
    begun, used = monotonic(), processor()
    try:
        with yaml_values.limited():
            yield
    finally:
        used, seconds = processor() - used, monotonic() - begun
        metrics.decision_seconds.labels(key.kind).observe(seconds)
        if used > LONGEST:
            text = "a decision took too much CPU time and blocked the event loop; all other work waited"
            log.warning(text, object=str(key), milliseconds=round(used * 1000), waited=round(seconds * 1000))
