"""Limits and measures for how long one decision holds the event loop, on which leases, probes and throws wait."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from runbook_operator.model import documents
from runbook_operator.model.refs import Ref
from runbook_operator.report.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LONGEST = 0.05
"""Seconds. What takes longer is named in the log."""


@contextmanager
def watch(key: Ref, metrics: Metrics, monotonic: Callable[[], float]) -> Iterator[None]:
    """Measure what is decided about an object, whatever comes of it, and limit what it parses."""
    begun = monotonic()
    try:
        with documents.limited():
            yield
    finally:
        seconds = monotonic() - begun
        metrics.decision_seconds.labels(key.kind).observe(seconds)
        if seconds > LONGEST:
            text = "a decision held the event loop for long; everything else waited"
            log.warning(text, object=str(key), milliseconds=round(seconds * 1000))
