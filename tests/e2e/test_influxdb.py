"""Thresholds on the numbers of an InfluxDB engage and release a switch."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.harness import Cluster, Operator
from tests.e2e.influxdb import DATABASE, Influx, influxdb
from tests.e2e.metrics import declare, errors, metric, until_level

QUERY = "SELECT mean(value) FROM errors WHERE time > now() - 2s"


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Influx]:
    with influxdb(tmp_path / "influxdb", errors=0.001) as running:
        yield running


@pytest.fixture
def operator(cluster: Cluster, source: Influx, tmp_path: Path) -> Iterator[Operator]:
    sources = tmp_path / "sources.yaml"
    entry = {"type": "influxdb", "url": source.url, "database": DATABASE}
    sources.write_text(yaml.safe_dump({"influx": entry, "wrong": entry | {"type": "influx"}}))
    running = Operator(cluster.namespace, tmp_path, RUNBOOK_METRIC_SOURCES=str(sources))
    running.start()
    yield running
    cluster.clear()
    running.stop()


def test_errors_in_influxdb_engage_the_switch_and_their_end_releases_it(
    cluster: Cluster, source: Influx, operator: Operator
) -> None:
    wrong = errors(name="wrong", source="wrong", query=QUERY, response={})
    unsent = errors(name="unsent", source="influx", query="DROP DATABASE shop", response={})
    declare(cluster, errors(source="influx", query=QUERY), wrong, unsent)
    until_level(cluster, "Ok")

    source.values["errors"] = 0.31
    cluster.until_phase("shop-stop", "Engaged")
    told = until_level(cluster, "Critical")
    assert (told["series"], cluster.replicas()) == ("errors", 0)

    source.values["errors"] = 0.002
    cluster.until_phase("shop-stop", "Released")
    until_level(cluster, "Ok")
    assert cluster.replicas() == 3
    assert metric(cluster, "wrong")["message"].endswith(
        "the administrator's entry for metric source wrong is not valid: type: it must be one of influxdb, prometheus"
    )
    assert metric(cluster, "unsent")["remark"] == "the query is not an InfluxQL SELECT"
    assert operator.alive
