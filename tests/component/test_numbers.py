"""From a Runbook's metrics of other sources to their readings: the guard, the client and the servers are real."""

import asyncio
from collections.abc import Mapping
from ipaddress import ip_network

from aiohttp import web

from runbook_operator.core.monitors import Reading
from runbook_operator.egress.http_client import Outbound
from runbook_operator.kube.discovery import Paths
from runbook_operator.kube.endpoint_cache import Addresses
from runbook_operator.kube.secret_cache import Secrets
from runbook_operator.monitoring.declared_monitors import watches
from runbook_operator.monitoring.io.health_checker import HealthChecker
from runbook_operator.monitoring.io.number_reader import Numbers
from tests.builders import Body, runbook
from tests.fakes.metric_sources import Sources, Usuals, measuring
from tests.fakes.servers import traffic_target
from tests.fakes.watched_cluster import cluster, pod, secret, service

HEADERS = [{"name": "Key", "secret": {"name": "token", "key": "token"}}]


def http(name: str, **rest: object) -> Body:
    asked = {"service": {"name": "web"}, "path": "/stats", "jsonPath": "$.depth"}
    return {"name": name, "critical": "> 5", "http": asked | rest}


METRICS: list[Body] = [
    http("depth", headers=HEADERS),
    http("nothing", jsonPath="$.nothing"),
    http("unlike", bodyContains="another"),
    http("alike", bodyContains="depth"),
    http("elsewhere", service={"name": "gone"}),
    {"name": "waiting", "critical": "> 0", "pods": {"target": "web", "measure": "Waiting"}},
    {
        "name": "ports",
        "critical": "> 1",
        "object": {"apiVersion": "v1", "kind": "Service", "name": "web", "field": "metadata.labels[depth]"},
    },
]


async def readings(port: int) -> Mapping[str, Reading]:
    labelled = service(port)
    labelled["metadata"]["labels"] = {"depth": "7"}
    waits = pod("web-1", "127.0.0.1")
    waits["metadata"]["creationTimestamp"] = "2026-11-24T03:00:00Z"
    waits["status"]["containerStatuses"] = [{"name": "app", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]
    async with cluster(labelled, waits, secret(token=b"s3cret")) as (_, kube):
        addresses = Addresses(Paths(kube))
        out = Outbound((), [ip_network("127.0.0.0/8")])
        asking = HealthChecker(out, addresses, Secrets(kube), measuring(Sources(), Usuals()), Numbers(Paths(kube)))
        targets = [{"name": "web", "service": {"name": "web"}}]
        found = watches(runbook(targets=targets, killSwitches=[], metrics=METRICS), {})
        assert found.problems == ()
        running = asyncio.create_task(addresses.run())
        try:
            return {key.name: one for key, one in (await asking(found.watches)).items()}
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_each_number_is_read_as_declared() -> None:
    async with traffic_target(lambda: web.json_response({"depth": 12})) as there:
        found = await readings(there.port)

    assert {name: (one.ok, one.value, one.reason) for name, one in found.items()} == {
        "depth": (None, 12.0, ""),
        "nothing": (None, None, "NoMatch"),
        "unlike": (None, None, "NoMatch"),
        "alike": (None, 12.0, ""),
        "elsewhere": (None, None, "ServiceNotFound"),
        "waiting": (None, 1.0, ""),
        "ports": (None, 7.0, ""),
    }
    assert found["unlike"].message.endswith("does not contain the text of bodyContains")
    assert found["nothing"].message == f"the response has nothing at $.nothing; 200 from Service/web:{there.port}/stats"
    assert found["waiting"].series == "web-1 (CrashLoopBackOff)"
    assert "s3cret" in [request.headers.get("Key") for request in there.requests]
