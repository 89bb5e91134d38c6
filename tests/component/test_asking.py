"""From what a Runbook declares to what is read: everything is the operator's own but the API server.

That one is on loopback, as are the Services, the pods and the metric source, which no real cluster could give us.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from runbook_operator.core.monitors import Reading, Watch
from runbook_operator.core.promql_batching import MARK
from runbook_operator.egress.http_client import Outbound
from runbook_operator.kube import dynamic_watcher, endpoint_cache
from runbook_operator.kube.discovery import Paths
from runbook_operator.kube.endpoint_cache import Addresses
from runbook_operator.kube.secret_cache import DOUBTED_SECONDS, Secrets
from runbook_operator.monitoring.backends.configured_sources import MetricSources
from runbook_operator.monitoring.declared_monitors import watches
from runbook_operator.monitoring.io.baselines import Baselines
from runbook_operator.monitoring.io.health_checker import HealthChecker
from runbook_operator.monitoring.io.metric_reader import MetricReader
from runbook_operator.monitoring.io.number_reader import Numbers
from tests.builders import runbook
from tests.fakes.prometheus_source import WRAPPED, answer, refused, serving
from tests.fakes.servers import traffic_target
from tests.fakes.watched_cluster import Body, Cluster, cluster, endpoint, endpoints, pod, secret, service
from tests.fakes.watched_cluster import refused as forbidden

TARGET = {"name": "web", "workload": {"name": "web"}, "service": {"name": "web", "port": "http"}}
ONE = pod("web-1", "127.0.0.1")
TOKEN = {"name": "Authorization", "secret": {"name": "token", "key": "token"}}
ENDPOINTS = [
    {"name": "ready", "target": "web", "path": "/ready", "headers": [TOKEN]},
    {"name": "pods", "target": "web", "path": "/ready", "expect": "503", "each": True},
    {"name": "open", "target": "web", "protocol": "TCP"},
]
DEPENDENCIES: list[Body] = [
    {"name": "model-api", "check": {"http": {"service": {"name": "model"}, "path": "/health?key=k3y"}}},
    {"name": "outside", "check": {"http": {"url": "https://status.example.com/"}}},
]
METRICS: list[Body] = [
    {"name": "errors", "query": "errors", "critical": "> 10%"},
    {"name": "requests", "query": "requests", "critical": "> 2x", "baseline": "7d"},
    {"name": "broken", "query": "wrong(", "critical": "> 1"},
    {"name": "elsewhere", "query": "up", "source": "thanos", "critical": "> 1"},
]


@dataclass
class Rig:
    """A Runbook's watches, and who answers them."""

    cluster: Cluster
    asking: HealthChecker
    watches: tuple[Watch, ...]
    time: float = 1000.0

    async def ask(self) -> Mapping[str, Reading]:
        return {key.name: one for key, one in (await self.asking(self.watches)).items()}


@asynccontextmanager
async def rig(folder: Path, url: str, *bodies: Body, **spec: Any) -> AsyncIterator[Rig]:
    (folder / "sources.yaml").write_text(f"default: {{url: '{url}'}}\n")
    sources = await MetricSources.open(str(folder / "sources.yaml"))
    baselines = Baselines(sources)
    async with cluster(*bodies) as (there, kube):
        out = Outbound((), [ip_network("127.0.0.0/8")])
        known = Addresses(Paths(kube))
        found = watches(runbook(targets=[TARGET], **spec), {})
        assert found.problems == ()
        running = asyncio.create_task(known.run())
        measuring = MetricReader(sources, baselines)
        asking = HealthChecker(out, known, Secrets(kube), measuring, Numbers(Paths(kube)))
        made = Rig(there, asking, found.watches)
        made.asking.secrets.monotonic = lambda: made.time
        yield made
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await baselines.close()
    await sources.close()


SERIES: Mapping[str, Sequence[tuple[dict[str, str], str]]] = {
    "errors": [({"pod": "web-1"}, "0.02"), ({"pod": "web-2"}, "0.25")],
    "requests": [({}, "100")],
}


async def prometheus(request: web.Request) -> web.Response:
    """Errors of two pods, and requests that were 40 for a week."""
    form = {name: str(value) for name, value in (await request.post()).items()}
    query = form["query"]
    if request.path.endswith("query_range"):
        points = [[float(form["start"]) + index * float(form["step"]), "40"] for index in range(300)]
        return answer("matrix", [{"metric": {}, "values": points}])
    if "wrong(" in query:
        return refused()
    parts = [(inner, {MARK: mark}) for _, inner, mark in WRAPPED.findall(query)] or [(query, {})]
    found = [(labels | mark, value) for inner, mark in parts for labels, value in SERIES[inner]]
    return answer("vector", [{"metric": labels, "value": [float(form["time"]), value]} for labels, value in found])


async def test_declared_runbook_is_checked_at_all_its_sources(tmp_path: Path) -> None:
    async with serving(prometheus) as url, traffic_target() as there:
        slices = endpoints(endpoint(ONE), port=there.port)
        bodies = (service(there.port), service(there.port, name="model"), ONE, slices, secret(token=b"Bearer s3cret"))
        lists = {"healthEndpoints": ENDPOINTS, "dependencies": DEPENDENCIES, "metrics": METRICS}
        async with rig(tmp_path, url, *bodies, **lists) as made:
            found = await made.ask()

    port = there.port
    assert {name: (one.ok, one.value, one.reason) for name, one in found.items()} == {
        "ready": (True, None, "Healthy"),
        "pods": (False, None, "UnexpectedStatus"),
        "open": (True, None, "Healthy"),
        "model-api": (True, None, "Healthy"),
        "outside": (None, None, "NotAllowed"),
        "errors": (None, 0.25, ""),
        "requests": (None, 100.0, ""),
        "broken": (None, None, "QueryRefused"),
        "elsewhere": (None, None, "SourceNotFound"),
    }
    assert found["ready"].message == f"200 from Service/web:{port}/ready"
    assert found["pods"].message == f"200 from Pod/web-1:{port}/ready; 1 of 1 ready pods are not healthy"
    assert found["model-api"].message == f"200 from Service/model:{port}/health"
    assert (found["errors"].series, found["requests"].baseline) == ('{pod="web-2"}', 40.0)
    assert found["elsewhere"].message.endswith(
        "no metric source thanos is declared for this namespace; it may use: default"
    )
    assert "Bearer s3cret" in [request.headers.get("Authorization") for request in there.requests]


async def test_unavailable_api_server_makes_readings_unknown_until_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamic_watcher, "backoff", lambda _failures: 0.01)
    monkeypatch.setattr(endpoint_cache, "SLACK", 0.0)
    async with serving(prometheus) as url, traffic_target() as there:
        slices = endpoints(endpoint(ONE), port=there.port)
        bodies = (service(there.port), ONE, slices, secret(token=b"Bearer s3cret"))
        async with rig(tmp_path, url, *bodies, healthEndpoints=ENDPOINTS) as made:
            made.cluster.fault = lambda _verb, _path: forbidden(503, "the server is starting")
            dark = await made.ask()
            asked = len(there.requests)
            made.cluster.fault = lambda _verb, _path: None
            async with asyncio.timeout(60):
                light = await made.ask()
                while None in [one.ok for one in light.values()]:
                    made.time += DOUBTED_SECONDS
                    await asyncio.sleep(0.01)
                    light = await made.ask()

    assert {(one.ok, one.reason) for one in dark.values()} == {(None, "Unavailable")}
    assert asked == 0
    assert {name: one.ok for name, one in light.items()} == {"ready": True, "pods": False, "open": True}
