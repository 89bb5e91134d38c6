"""Gauges of this replica's leadership, its queue and its namespaces, read at each scrape."""

import asyncio
from functools import partial

from runbook_operator.cache.namespace_coverage import Coverage
from runbook_operator.core.references import Ref
from runbook_operator.leadership.leader import Leadership
from runbook_operator.runtime.work_queue import WorkQueue
from runbook_operator.telemetry.metrics import Metrics


def measure(metrics: Metrics, elector: Leadership, shards: int, queue: WorkQueue[Ref]) -> None:
    """Expose the gauges of leadership and queue."""
    metrics.gauge("leading", "1 if this replica leads.", lambda: float(elector.leading))
    metrics.gauge("shards_held", "Shards that this replica leads.", lambda: float(len(elector.held)))
    each = {str(shard): partial(_leads, elector, shard) for shard in range(shards)}
    metrics.gauges("shard_leading", "1 if this replica leads the shard.", "shard", each)
    metrics.gauge("queue_length", "Objects that wait for a visit.", lambda: float(len(queue)))
    metrics.gauge("tasks", "Tasks of the main loop.", lambda: float(len(asyncio.all_tasks())))


def measure_coverage(metrics: Metrics, coverage: Coverage) -> None:
    """Expose which configured namespaces are served; the label avoids `namespace`, which scrapes set."""
    each = {namespace: partial(_serves, coverage, namespace) for namespace in coverage.namespaces}
    metrics.gauges("namespace_served", "1 if the namespace is served.", "scope_namespace", each)


def _serves(coverage: Coverage, namespace: str) -> float:
    return float(coverage.serves(namespace))


def _leads(elector: Leadership, shard: int) -> float:
    return float(shard in elector.held)
