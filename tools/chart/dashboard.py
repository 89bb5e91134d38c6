"""The Grafana dashboard: panels of the operator's own metrics, which docs/reference/metrics.md names."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MINE = 'namespace=~"$namespace"'
WIDTH, HEIGHT, ACROSS = 8, 7, 3


@dataclass(frozen=True)
class Panel:
    """A panel of lines; `unit` is Grafana's name of it."""

    title: str
    expression: str
    legend: str
    unit: str = "short"
    description: str = ""


def _seconds(metric: str, quantile: float, by: str = "") -> str:
    return f"histogram_quantile({quantile}, sum by (le{by}) (rate({metric}_bucket{{{MINE}}}[$__rate_interval])))"


PANELS = (
    Panel("Leader", f"runbook_operator_leading{{{MINE}}}", "{{pod}}", description="1 if this replica leads."),
    Panel("Shards led", f"runbook_operator_shards_held{{{MINE}}}", "{{pod}}", description="How the work is shared."),
    Panel("Switches engaged", f"max(runbook_operator_switches_engaged{{{MINE}}})", "engaged"),
    Panel(
        "Switches that need somebody",
        f'max by (__name__) ({{__name__=~"runbook_operator_switches_(stalled|contested|silenced|held_back)",{MINE}}})',
        "{{__name__}}",
    ),
    Panel(
        "From a throw to its effect",
        _seconds("runbook_operator_switch_effect_seconds", 0.99),
        "p99",
        "s",
        "From the watch event of a thrown switch to the target's accepted write.",
    ),
    Panel(
        "Writes to targets",
        f"sum by (result) (rate(runbook_operator_acts_total{{{MINE}}}[$__rate_interval]))",
        "{{result}}",
        "ops",
    ),
    Panel(
        "What was said",
        f"topk(10, sum by (reason) (increase(runbook_operator_notices_total{{{MINE}}}[$__rate_interval])))",
        "{{reason}}",
    ),
    Panel(
        "Readings",
        f"sum by (group, result) (rate(runbook_operator_readings_total{{{MINE}}}[$__rate_interval]))",
        "{{group}} {{result}}",
        "ops",
    ),
    Panel("Checks, how long", _seconds("runbook_operator_check_seconds", 0.9, ", group"), "{{group}} p90", "s"),
    Panel("Checks, how late", _seconds("runbook_operator_sensing_lateness_seconds", 0.9), "p90", "s"),
    Panel(
        "Metric sources, how long",
        _seconds("runbook_operator_metric_source_seconds", 0.9, ", source"),
        "{{source}} p90",
        "s",
    ),
    Panel("Metric sources with a problem", f"max(runbook_operator_metric_source_problems{{{MINE}}})", "sources"),
    Panel("Objects that wait for a visit", f"runbook_operator_queue_length{{{MINE}}}", "{{pod}}"),
    Panel(
        "Visits",
        f"sum by (kind, result) (rate(runbook_operator_reconciles_total{{{MINE}}}[$__rate_interval]))",
        "{{kind}} {{result}}",
        "ops",
    ),
    Panel("Tasks", f"runbook_operator_tasks{{{MINE}}}", "{{pod}}", description="One that grows is a leak."),
)


def text() -> str:
    """The dashboard as Grafana's JSON."""
    return json.dumps(_dashboard(), indent=1) + "\n"


def _dashboard() -> dict[str, Any]:
    return {
        "title": "Runbook Operator",
        "uid": "runbook-operator",
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "tags": ["runbook-operator"],
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": list(_variables())},
        "panels": [_panel(number, panel) for number, panel in enumerate(PANELS)],
    }


def _variables() -> Iterator[dict[str, Any]]:
    source = {"type": "prometheus", "uid": "${datasource}"}
    yield {"name": "datasource", "type": "datasource", "query": "prometheus"}
    yield {
        "name": "namespace",
        "type": "query",
        "datasource": source,
        "query": "label_values(runbook_operator_leading, namespace)",
        "includeAll": True,
        "current": {"text": "All", "value": "$__all"},
        "refresh": 2,
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, ACROSS)
    source = {"type": "prometheus", "uid": "${datasource}"}
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": source,
        "gridPos": {"h": HEIGHT, "w": WIDTH, "x": column * WIDTH, "y": row * HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [{"refId": "A", "datasource": source, "expr": panel.expression, "legendFormat": panel.legend}],
    }
