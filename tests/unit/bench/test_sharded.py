"""The bench of replicas that share the work: what it is asked for, and what it makes of what it sees."""

import asyncio
import json
from typing import Any, cast

import pytest

from bench.flags import Flags, runbook
from bench.replicas import address, value
from bench.sharded import asked_for, summary
from runbook_operator.api.parsing import parse_runbook
from runbook_operator.core.sharding import shard_of
from runbook_operator.kube.client import Kube


def flags(runbooks: int = 5) -> Flags:
    return Flags(cast("Kube", None), ["a", "b"], runbooks)


def test_each_runbook_count_is_a_separate_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked_for().runbooks == (2500, 5000, 10000, 20000)

    monkeypatch.setenv("RUNBOOKS", "24,48")

    assert asked_for().runbooks == (24, 48)


@pytest.mark.parametrize("shards", [1, 4, 24])
def test_each_shard_gets_a_namespace_with_a_stable_name(shards: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDS", str(shards))

    namespaces = asked_for().namespaces()

    assert [shard_of(name, shards) for name in namespaces] == list(range(shards))
    assert namespaces == asked_for().namespaces()


def test_namespaces_get_equal_runbooks_and_one_throw_each_on_replica_loss() -> None:
    assert flags().names() == [("a", "shop-0"), ("b", "shop-1"), ("a", "shop-2"), ("b", "shop-3"), ("a", "shop-4")]
    assert flags().one_of_each_namespace() == [("a", "shop-0"), ("b", "shop-1")]


def test_generated_runbooks_are_valid() -> None:
    body = runbook("shop")
    body["metadata"] |= {"namespace": "a", "uid": "1", "generation": 1, "resourceVersion": "1"}

    spec = parse_runbook(body).spec

    assert spec is not None
    assert spec.kill_switches[0].name == "stop"


async def test_waiter_for_a_flag_is_notified_once_and_each_change_counted() -> None:
    found = flags()
    observed: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    found.awaited["a", "shop-0"] = observed

    found.see(("a", "shop-0"))
    found.see(("a", "shop-0"))

    assert observed.done()
    assert found.changes == {("a", "shop-0"): 2}


@pytest.mark.parametrize(("wanted", "observed", "wrong"), [(2, 2, 0), (2, 3, 1), (2, 1, 1), (0, 1, 1), (1, 0, 1)])
def test_flag_changed_too_often_or_too_rarely_is_counted(wanted: int, observed: int, wrong: int) -> None:
    found = flags()
    found.wanted["a", "shop-0"] += wanted
    found.changes["a", "shop-0"] += observed

    assert found.not_as_often_as_wanted() == wrong


def test_metrics_address_is_read_from_the_replica_log() -> None:
    line = json.dumps({"event": "serving", "http": "http://127.0.0.1:40001"}) + "\n"

    assert address("") == ""
    assert address(json.dumps({"event": "starting"}) + "\n" + line) == "http://127.0.0.1:40001"
    assert address(line[:-9]) == ""


def test_metric_value_is_read_by_exact_name() -> None:
    text = "runbook_operator_shards_held_total 9\nrunbook_operator_shards_held 8.0\n"

    assert value(text, "shards_held") == 8.0


def test_summary_has_lost_and_repeated_throws() -> None:
    run: dict[str, Any] = {
        "runbooks": 48,
        "first_start_s": 7.1,
        "first_start_cpu_s": 12.4,
        "unready": 0,
        "at_rest": [{"shards": 2, "cpu_share": 0.01, "rss_mb": 93.4}],
        "throw_ms": [40.0, 60.0, 80.0],
        "changes": 18,
        "not_as_often_as_wanted": 1,
    }

    assert summary(run | {"lost": {"shards": 2, "throw_ms": [90.0, 3200.0]}}).splitlines() == [
        "48 Runbooks ready after 7 s, 12 s of processors",
        "a replica at rest: 2 shards, 0.010 processors, 93 MB",
        "thrown: p50 60 ms, p99 80 ms",
        "with 2 shards lost: at most 3200 ms",
        "18 changes; not as often as told to: 1 flags",
    ]
    assert "3 Runbooks were not ready then" in summary(run | {"unready": 3})
    assert "lost" not in summary(run)
