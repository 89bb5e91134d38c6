"""The chart's alerts and dashboard, by a real Prometheus: each alert fires for what it is about and nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.chart.helm import NAMESPACE, Body, render
from tests.chart.matrix import CHANNELS
from tests.e2e.prometheus import Prometheus, Target, prometheus
from tools.chart import CHART, ROOT

PREFIX = "runbook_operator_"
MINE = f'namespace="{NAMESPACE}"'
WELL = "well"
Series = dict[str, tuple[float, float]]
"""By its name and own labels, what a series is at first and some moments later."""


def late(name: str) -> Series:
    """A histogram whose readings all take between one second and ten."""
    return {f'{name}_bucket{{le="1"}}': (0, 0), **{f'{name}_bucket{{le="{le}"}}': (0, 50) for le in ("10", "+Inf")}}


def fast(name: str) -> Series:
    return {f'{name}_bucket{{le="{le}"}}': (0, 50) for le in ("1", "10", "+Inf")}


FIRES: dict[str, Series] = {
    "RunbookOperatorLeaderless": {"leading": (0, 0)},
    "RunbookOperatorShardLeaderless": {'shard_leading{shard="3"}': (0, 0)},
    "RunbookOperatorLateThrows": late("switch_effect_seconds"),
    "RunbookOperatorBehind": {"leading": (1, 1), "queue_length": (50, 50)},
    "RunbookOperatorChecksLate": late("sensing_lateness_seconds"),
    "RunbookOperatorBlind": {
        'readings_total{group="Metric",result="ok"}': (0, 10),
        'readings_total{group="Metric",result="unknown"}': (0, 90),
    },
    "RunbookOperatorMetricSource": {"metric_source_problems": (1, 1)},
    "RunbookOperatorNamespaceNotServed": {'namespace_served{scope_namespace="b"}': (0, 0)},
    "RunbookOperatorRefused": {'acts_total{result="refused"}': (0, 3)},
    "RunbookSwitchStalled": {"switches_stalled": (1, 1)},
    "RunbookMessagesOwed": {"notifications_owed": (1, 1)},
    "RunbookMessagesNotDelivered": {'messages_total{channel="chat",result="GivenUp"}': (0, 1)},
}
HEALTHY: Series = {
    **fast("switch_effect_seconds"),
    **fast("sensing_lateness_seconds"),
    "leading": (1, 1),
    'shard_leading{shard="0"}': (1, 1),
    'namespace_served{scope_namespace="a"}': (1, 1),
    "queue_length": (2, 0),
    'readings_total{group="Metric",result="ok"}': (0, 90),
    'readings_total{group="Metric",result="unknown"}': (0, 10),
    "metric_source_problems": (0, 0),
    'acts_total{result="done"}': (0, 3),
    'acts_total{result="refused"}': (0, 0),
    "switches_stalled": (0, 0),
    "notifications_owed": (1, 0),
    'messages_total{channel="chat",result="Delivered"}': (0, 1),
}
EVERYWHERE = {**FIRES, WELL: HEALTHY}


def rules() -> list[Body]:
    (group,) = render(metrics={"rules": {"enabled": True}}).one("PrometheusRule")["spec"]["groups"]
    found: list[Body] = group["rules"]
    return found


def values(moment: int) -> dict[str, float]:
    """All series with the namespace that they are of, at the first or the second moment."""
    return {
        labelled(name, namespace): both[moment]
        for namespace, series in EVERYWHERE.items()
        for name, both in series.items()
    }


def labelled(name: str, namespace: str) -> str:
    metric, _, labels = name.removesuffix("}").partition("{")
    own = f",{labels}" if labels else ""
    return f'{PREFIX}{metric}{{namespace="{namespace}",container="operator",pod="a"{own}}}'


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has seen both moments, with a namespace in trouble for each alert, and one that is well."""
    target = Target(**values(0))
    with prometheus(tmp_path_factory.mktemp("prometheus"), target) as running:
        target.values.update(values(1))
        running.until(f'{PREFIX}acts_total{{result="refused"}} == 3', bool)
        yield running


def test_every_alert_has_its_case() -> None:
    assert [rule["alert"] for rule in rules()] == list(FIRES)


@pytest.mark.parametrize("alert", FIRES)
def test_alert_fires_for_its_trouble_and_not_otherwise(watching: Prometheus, alert: str) -> None:
    expression = next(rule["expr"] for rule in rules() if rule["alert"] == alert)
    assert MINE in expression

    assert watching.query(expression.replace(MINE, f'namespace="{alert}"'))
    assert not watching.query(expression.replace(MINE, f'namespace="{WELL}"'))


def test_every_alert_has_a_severity_and_advice() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert {"summary", "description"} <= rule["annotations"].keys()


def test_every_panel_query_is_valid_for_prometheus(watching: Prometheus) -> None:
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            watching.query(target["expr"].replace("$__rate_interval", "1m").replace("$namespace", ".*"))


def test_alerts_and_panels_use_only_existing_metrics() -> None:
    told = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    panels = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    named = {
        name.removesuffix("_bucket")
        for expression in [*panels, *(rule["expr"] for rule in rules())]
        for name in re.findall(rf"{PREFIX}\w+", expression)
        if not name.endswith("_")
    }

    assert {name for name in named if f"`{name}" not in told} == set()
    assert len(named) >= 12


def test_dashboard_is_in_its_config_map() -> None:
    data = render(metrics={"dashboard": {"enabled": True}}).one("ConfigMap")["data"]

    assert json.loads(data["runbook-operator.json"]) == dashboard()
    assert [one["id"] for one in dashboard()["panels"]] == list(range(1, len(dashboard()["panels"]) + 1))


def test_metric_sources_file_is_readable_by_the_operator() -> None:
    source = {"url": "http://prometheus.monitoring:9090", "namespaces": ["team-a"]}
    data = render(metricSources={"sources": {"default": source}}).one("ConfigMap")["data"]

    assert yaml.safe_load(data["sources.yaml"]) == {"default": source}


def test_channels_file_is_readable_by_the_operator() -> None:
    rendered = render(channels=CHANNELS)
    pod = rendered.one("Deployment")["spec"]["template"]["spec"]

    assert yaml.safe_load(rendered.one("ConfigMap")["data"]["channels.yaml"]) == CHANNELS["entries"]
    assert {one["mountPath"] for one in pod["containers"][0]["volumeMounts"]} == {
        *("/etc/channels/config", "/etc/channels/slack"),
    }


def dashboard() -> Body:
    found: Body = json.loads(Path(CHART / "files" / "dashboard.json").read_text())
    return found
