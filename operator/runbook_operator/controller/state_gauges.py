"""Gauges of this replica's leadership, its queue and the state of the switches, read at each scrape."""

import asyncio
from functools import partial

from runbook_operator.api.conditions import find
from runbook_operator.api.parsing import SwitchObject
from runbook_operator.automation.gates import is_blocked_by_gate
from runbook_operator.cache.namespace_coverage import Coverage
from runbook_operator.cache.store import Store
from runbook_operator.core.references import Ref
from runbook_operator.leadership.leader import Leadership
from runbook_operator.runtime.work_queue import WorkQueue
from runbook_operator.telemetry.metrics import Metrics

SHOWN = (
    ("Automatic", "Silenced", "switches_silenced", "Switches that a person holds released."),
    ("Contested", "", "switches_contested", "Switches with a held field that another client keeps writing."),
    ("Stalled", "", "switches_stalled", "Switches that cannot go on without a person."),
)
"""Condition, reason (empty for any), and the gauge that counts the switches with that condition."""


def measure(metrics: Metrics, elector: Leadership, shards: int, queue: WorkQueue[Ref], store: Store) -> None:
    """Expose the gauges of leadership, queue and switches."""
    metrics.gauge("leading", "1 if this replica leads.", lambda: float(elector.leading))
    metrics.gauge("shards_held", "Shards that this replica leads.", lambda: float(len(elector.held)))
    each = {str(shard): partial(_leads, elector, shard) for shard in range(shards)}
    metrics.gauges("shard_leading", "1 if this replica leads the shard.", "shard", each)
    metrics.gauge("queue_length", "Objects that wait for a visit.", lambda: float(len(queue)))
    metrics.gauge("tasks", "Tasks of the main loop.", lambda: float(len(asyncio.all_tasks())))
    metrics.gauge("switches_engaged", "Switches with an engagement under way.", store.count(_is_engaged))
    metrics.gauge("switches_held_back", "Switches that a gate keeps from engaging.", store.count(_is_blocked_by_gate))
    for condition, reason, name, text in SHOWN:
        metrics.gauge(name, text, store.count(partial(_shows, condition, reason)))


def measure_coverage(metrics: Metrics, coverage: Coverage) -> None:
    """Expose which configured namespaces are served; the label avoids `namespace`, which scrapes set."""
    each = {namespace: partial(_serves, coverage, namespace) for namespace in coverage.namespaces}
    metrics.gauges("namespace_served", "1 if the namespace is served.", "scope_namespace", each)


def _serves(coverage: Coverage, namespace: str) -> float:
    return float(coverage.serves(namespace))


def _leads(elector: Leadership, shard: int) -> float:
    return float(shard in elector.held)


def _shows(condition: str, reason: str, switch: SwitchObject) -> bool:
    found = find(switch.status.conditions, condition)
    return found is not None and reason in ("", found.reason)


def _is_blocked_by_gate(switch: SwitchObject) -> bool:
    return is_blocked_by_gate(switch.status)


def _is_engaged(switch: SwitchObject) -> bool:
    return switch.status.record is not None
