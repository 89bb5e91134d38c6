"""Limits and measures for how long one decision holds the event loop, on which leases, probes and throws wait."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from runbook_operator.core import yaml_values
from runbook_operator.core.references import Ref
from runbook_operator.telemetry.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LONGEST = 0.05
"""Seconds of the processor. What uses more is named in the log."""
Clock = Callable[[], float]


@contextmanager
def watch(key: Ref, metrics: Metrics, monotonic: Clock, processor: Clock) -> Iterator[None]:
    """Measure what is decided about an object, whatever comes of it, and limit what it parses.

    The histogram has the time that all others waited. The log has only what used the `processor` for long: on a busy
    machine any decision may wait for its turn.
    """
    begun, used = monotonic(), processor()
    try:
        with yaml_values.limited():
            yield
    finally:
        used, seconds = processor() - used, monotonic() - begun
        metrics.decision_seconds.labels(key.kind).observe(seconds)
        if used > LONGEST:
            text = "a decision used the processor for long and held the event loop; everything else waited"
            log.warning(text, object=str(key), milliseconds=round(used * 1000), waited=round(seconds * 1000))
