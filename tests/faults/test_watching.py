"""Faults between the operator and the API server: what was missed, late, stale, refused or silent is found anyway."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import QUICK_LEASE, Cluster, Operator, deployment, eventually, runbook
from tests.faults.proxy import Answer, Call, Faults, Proxy

GONE = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410, "message": "old"}


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    running = Proxy(tmp_path / "proxy")
    yield running
    running.close()


@pytest.fixture
def behind(cluster: Cluster, proxy: Proxy, tmp_path: Path) -> Iterator[Operator]:
    """An operator behind the proxy, with a Runbook of which all is written that there is to write."""
    operator = Operator(
        cluster.namespace,
        tmp_path,
        KUBECONFIG=str(proxy.kubeconfig),
        **QUICK_LEASE | {"RUNBOOK_WATCH_SECONDS": "2", "RUNBOOK_RESYNC_SECONDS": "3"},  # type: ignore[arg-type] # all are strings
    )
    operator.start()
    cluster.apply(deployment(), runbook())
    cluster.until_reason("switch", "shop-stop", "Ready")
    cluster.until_reason("runbook", "shop", "Ready")
    yield operator
    proxy.faults = Faults()
    if not operator.alive:
        operator.start()
    cluster.clear()
    operator.stop()


def engaged(cluster: Cluster) -> None:
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")
    assert cluster.replicas() == 0


def is_throw(_: Call, event: dict[str, Any]) -> bool:
    return event["object"]["kind"] == "Switch" and event["object"].get("spec", {}).get("engaged") is True


SCALED = "PATCH /apis/apps/v1/namespaces/{}/deployments/web/scale"


def is_read(call: Call) -> bool:
    return call.method == "GET" and call.path.endswith("/switches/shop-stop")


def watches(call: Call) -> bool:
    return call.is_watch


@pytest.mark.usefixtures("behind")
def test_throw_with_a_lost_event_is_found_by_the_resync(cluster: Cluster, proxy: Proxy) -> None:
    proxy.faults.drop = is_throw

    engaged(cluster)


@pytest.mark.usefixtures("behind")
def test_switch_deleted_with_a_lost_event_is_created_again(cluster: Cluster, proxy: Proxy) -> None:
    before = cluster.get("switch", "shop-stop")["metadata"]["uid"]
    proxy.faults.drop = lambda _call, event: event["type"] == "DELETED"

    cluster.run("delete", "switch", "shop-stop")

    eventually("it is made again", lambda: cluster.get("switch", "shop-stop")["metadata"]["uid"] != before)


@pytest.mark.usefixtures("behind")
def test_throw_with_late_events_saves_the_live_value(cluster: Cluster, proxy: Proxy) -> None:
    proxy.faults.delay = lambda _call, event: 1.5 if event["object"]["kind"] == "Deployment" else 0

    cluster.scale(5)
    cluster.throw("shop-stop")

    status = cluster.until_phase("shop-stop", "Engaged")["status"]
    assert [entry["saved"] for entry in status["record"]["actions"]] == [5]


def test_operator_reading_an_old_state_repeats_no_write(cluster: Cluster, proxy: Proxy, behind: Operator) -> None:
    """A restart against an API server that lags behind sees an engagement that is long over."""
    engaged(cluster)
    behind.kill()
    behind.start()
    past = proxy.snapshot()
    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")
    behind.kill()
    cluster.scale(7)
    before, observed = len(proxy.writes), len(proxy.calls)

    proxy.faults.lists = past
    proxy.faults.stalled = watches
    behind.start()
    eventually("it has looked more than once", lambda: sum(call.is_list for call in proxy.calls[observed:]) > 12)
    proxy.faults = Faults()
    cluster.throw("shop-up")

    eventually("it goes on", lambda: cluster.get("switch", "shop-up")["status"].get("history"))
    assert cluster.replicas() == 7
    assert [write for write in proxy.writes[before:] if write.endswith("/scale")] == []
    assert [one["outcome"] for one in cluster.get("switch", "shop-stop")["status"]["history"]] == [
        "Deployment/web back to 3"
    ]


def test_late_record_is_not_acted_on(cluster: Cluster, proxy: Proxy, behind: Operator) -> None:
    """The API server's list of switches is from before a release; its Deployments are from now, and a person's."""
    engaged(cluster)
    behind.kill()
    cluster.release("shop-stop")
    past = {path: body for path, body in proxy.snapshot().items() if path.endswith("/switches")}
    behind.start()
    cluster.until_phase("shop-stop", "Released")
    behind.kill()
    cluster.scale(0)
    before, observed = len(proxy.writes), len(proxy.calls)

    proxy.faults.lists = past
    proxy.faults.stalled = watches
    behind.start()
    eventually("it has read the switch itself", lambda: any(is_read(call) for call in proxy.calls[observed:]))
    proxy.faults = Faults()
    cluster.throw("shop-up")

    eventually("it goes on", lambda: cluster.get("switch", "shop-up")["status"].get("history"))
    assert [write for write in proxy.writes[before:] if write.endswith("/scale")] == [SCALED.format(cluster.namespace)]
    assert cluster.replicas() == 2


@pytest.mark.parametrize("how", ["event", "watch status", "list status"])
def test_expired_resource_version_starts_the_watch_again(
    cluster: Cluster, proxy: Proxy, behind: Operator, how: str
) -> None:
    left = [8]

    def match(call: Call) -> bool:
        wanted = call.is_list if how == "list status" else call.is_watch
        hit = wanted and left[0] > 0
        left[0] -= hit
        return hit

    status = 200 if how == "event" else 410
    body = {"type": "ERROR", "object": GONE} if how == "event" else GONE
    proxy.faults.answers = [(match, Answer(status, body=body))]
    eventually("it was told so", lambda: left[0] <= 0, seconds=30)

    engaged(cluster)
    assert behind.alive


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_api_server_refusing_everything_for_a_while_loses_no_throw(
    cluster: Cluster, proxy: Proxy, behind: Operator, status: int
) -> None:
    headers = {"Retry-After": "1"} if status == 429 else {}
    proxy.faults.answers = [(lambda _: True, Answer(status, headers))]
    cluster.throw("shop-stop")
    told = len(proxy.calls)
    eventually("it was refused", lambda: len(proxy.calls) > told + 20)
    assert cluster.replicas() == 3

    proxy.faults.answers = []

    cluster.until_phase("shop-stop", "Engaged")
    assert cluster.replicas() == 0
    assert behind.alive


@pytest.mark.timeout(180)
def test_api_server_overloaded_for_more_than_a_minute_loses_no_throw(
    cluster: Cluster, proxy: Proxy, behind: Operator
) -> None:
    """Kopf by itself gives up after 55 seconds of 503."""
    proxy.faults.answers = [(lambda _: True, Answer(503))]
    cluster.throw("shop-stop")
    began = behind.uptime()
    eventually("the minute is over", lambda: behind.uptime() > began + 65, seconds=80)

    proxy.faults.answers = []

    cluster.until_phase("shop-stop", "Engaged")
    assert behind.alive


@pytest.mark.usefixtures("behind")
def test_write_with_retry_after_is_retried_at_that_time(cluster: Cluster, proxy: Proxy) -> None:
    proxy.faults.answers = [(lambda call: call.path.endswith("/scale"), Answer(429, {"Retry-After": "2"}))]
    cluster.throw("shop-stop")
    cluster.until_reason("switch", "shop-stop", "Unavailable")
    tries = sum(call.path.endswith("/scale") and call.is_write for call in proxy.calls)
    assert tries == 1

    proxy.faults.answers = []
    cluster.until_phase("shop-stop", "Engaged")


def test_rotated_token_is_read_again(cluster: Cluster, proxy: Proxy, tmp_path: Path) -> None:
    token = tmp_path / "token"
    config = json.loads(proxy.kubeconfig.read_text())
    real = config["users"][0]["user"]["token"]
    token.write_text("expired")
    config["users"][0]["user"] = {"tokenFile": str(token)}
    path = tmp_path / "rotated"
    path.write_text(json.dumps(config))
    token.write_text(real)
    operator = Operator(cluster.namespace, tmp_path, KUBECONFIG=str(path), RUNBOOK_WATCH_SECONDS="2")
    operator.start()
    cluster.apply(deployment(), runbook())
    cluster.until_reason("switch", "shop-stop", "Ready")

    proxy.tokens = {"rotated": real}
    told = len(proxy.calls)
    eventually("the old one is refused", lambda: len(proxy.calls) > told + 5)
    token.write_text("rotated")
    engaged(cluster)

    cluster.clear()
    assert operator.stop() == 0


@pytest.mark.usefixtures("behind")
def test_silent_watch_is_noticed_before_bookmarks(cluster: Cluster, proxy: Proxy) -> None:
    silent = {id(call) for call in proxy.calls}
    old = [call for call in proxy.calls if call.is_watch]
    proxy.faults.stalled = lambda call: call in old and id(call) in silent

    cluster.throw("shop-stop")

    cluster.until_phase("shop-stop", "Engaged")


def test_api_server_restart_during_throws_loses_none(cluster: Cluster, proxy: Proxy, behind: Operator) -> None:
    proxy.stop_listening()
    cluster.throw("shop-stop")
    eventually("it noticed", lambda: "lease could not be renewed" in behind.log())

    proxy.start_listening()

    cluster.until_phase("shop-stop", "Engaged")
    assert behind.alive


@pytest.mark.usefixtures("behind")
def test_repeated_connection_failures_lose_no_throw(cluster: Cluster, proxy: Proxy) -> None:
    for _ in range(5):
        proxy.close_connections()
        engaged(cluster)
        proxy.close_connections()
        cluster.release("shop-stop")
        cluster.until_phase("shop-stop", "Released")
        assert cluster.replicas() == 3


def test_write_with_a_lost_answer_is_read_back(cluster: Cluster, proxy: Proxy, behind: Operator) -> None:
    proxy.lose_answer = lambda call: call.path.endswith("/scale") and call.is_write

    engaged(cluster)

    assert sum(write.endswith("/scale") for write in proxy.writes) == 1
    assert '"result": "unknown"' in behind.log()
