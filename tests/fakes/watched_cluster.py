"""An API server on loopback that lists and watches objects in its memory.

Left out: validation, rights, writes and controllers. A real API server cannot give a Service or a pod an address on
loopback, and does not fail on request.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from kubernetes.aio import client

from runbook_operator.core.references import Ref, ref_of
from runbook_operator.kube.client import Kube

NAMESPACE = "shop"
Body = dict[str, Any]
PLURALS = {"services": ("v1", "Service"), "pods": ("v1", "Pod"), "secrets": ("v1", "Secret")} | {
    "endpointslices": ("discovery.k8s.io/v1", "EndpointSlice")
}
Fault = Callable[[str, str], web.Response | None]
"""Asked with what is done and to which path, such as `WATCH` and `/api/v1/services`."""


@dataclass
class Cluster:
    """See above."""

    objects: dict[Ref, Body] = field(default_factory=dict)
    fault: Fault = lambda _verb, _path: None
    asked: list[tuple[str, str]] = field(default_factory=list)
    page: int = 500
    open: int = 0
    """Watches that are open now."""
    _events: list[tuple[int, str, Body]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _cuts: int = 0

    def put(self, *bodies: Body) -> None:
        for body in bodies:
            ref = ref_of(body)
            self._tell("MODIFIED" if ref in self.objects else "ADDED", body)
            self.objects[ref] = body

    def delete(self, body: Body) -> None:
        self._tell("DELETED", self.objects.pop(ref_of(body)))

    def lose(self, body: Body) -> None:
        """It goes, and no watch tells of it."""
        self._events = []
        del self.objects[ref_of(body)]

    def cut(self) -> None:
        """Every watch breaks."""
        self._cuts += 1
        self._wake()

    def count(self, verb: str) -> int:
        return sum(one == verb for one, _ in self.asked)

    def paths(self, verb: str) -> set[str]:
        return {path for one, path in self.asked if one == verb}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        verb = "WATCH" if request.query.get("watch") else "GET"
        if request.path.rsplit("/", 1)[1] in PLURALS and verb == "GET":
            verb = "LIST"
        self.asked.append((verb, request.path))
        if response := self.fault(verb, request.path):
            return response
        match verb:
            case "WATCH":
                return await self._watch(request)
            case "LIST":
                return self._list(request)
        return self._get(request.path)

    def _tell(self, event: str, body: Body) -> None:
        version = int(self._version()) + 1
        body["metadata"]["resourceVersion"] = str(version)
        self._events.append((version, event, body))
        self._wake()

    def _version(self) -> str:
        return str(self._events[-1][0] if self._events else 100)

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _list(self, request: web.Request) -> web.Response:
        gvk, namespace = _collection(request.path)
        found = [body for ref, body in self.objects.items() if _is_in(ref, gvk, namespace)]
        start = int(request.query.get("continue", 0))
        rest = {"continue": str(start + self.page)} if len(found) > start + self.page else {}
        items = [{key: value for key, value in body.items() if key not in ("apiVersion", "kind")} for body in found]
        meta = {"resourceVersion": self._version()} | rest
        page = items[start : start + self.page]
        return web.json_response({"apiVersion": gvk[0], "kind": f"{gvk[1]}List", "metadata": meta, "items": page})

    def _get(self, path: str) -> web.Response:
        if path == "/apis/discovery.k8s.io/v1":
            return web.json_response({"resources": [{"name": "endpointslices", "kind": "EndpointSlice"}]})
        collection, name = path.rsplit("/", 1)
        gvk, namespace = _collection(collection)
        body = self.objects.get(Ref(*gvk, namespace, name))
        return web.json_response(body) if body else refused(404, "not found")

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        gvk, namespace = _collection(request.path)
        version, cuts = int(request.query["resourceVersion"]), self._cuts
        response = web.StreamResponse()
        await response.prepare(request)
        self.open += 1
        try:
            async with asyncio.timeout(float(request.query["timeoutSeconds"])):
                while cuts == self._cuts:
                    news = self._news
                    for at, event, body in list(self._events):
                        if at > version and _is_in(ref_of(body), gvk, namespace):
                            version = at
                            await response.write(json.dumps({"type": event, "object": body}).encode() + b"\n")
                    await news.wait()
        except TimeoutError:
            return response
        finally:
            self.open -= 1
        assert request.transport
        request.transport.abort()
        return response


@asynccontextmanager
async def cluster(*bodies: Body) -> AsyncIterator[tuple[Cluster, Kube]]:
    """A cluster with these objects, and the operator's own client for it."""
    made = Cluster()
    made.put(*bodies)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    settings = client.Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}")

    async def load() -> client.ApiClient:
        return client.ApiClient(configuration=settings)

    kube = Kube(await load(), 2.0, load)
    try:
        yield made, kube
    finally:
        await kube.close()
        await runner.cleanup()


def refused(status: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": status, "message": message}, status=status)


def forbids(*plurals: str) -> Fault:
    """Whatever is done to these is forbidden."""

    def fault(_verb: str, path: str) -> web.Response | None:
        plural = next((one for one in plurals if f"/{one}" in path), "")
        return (
            refused(403, f'{plural} is forbidden: User "operator" cannot list resource "{plural}"') if plural else None
        )

    return fault


def service(
    port: int = 80, address: str = "127.0.0.1", name: str = "web", namespace: str = NAMESPACE, **spec: Any
) -> Body:
    """A Service that chooses pods, with one port called http."""
    usual = {
        "clusterIP": address,
        "selector": {"app": name},
        "ipFamilies": ["IPv4"],
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
    }
    return _object("v1", "Service", name, namespace) | {"spec": usual | spec}


def pod(name: str, address: str, namespace: str = NAMESPACE, phase: str = "Running", uid: str = "") -> Body:
    body = _object("v1", "Pod", name, namespace, uid)
    return body | {"status": {"phase": phase, "podIP": address, "podIPs": [{"ip": address}]}}


def endpoint(pod: Body, *, address: str = "", ready: bool | None = True, **target: str) -> Body:
    """The endpoint that the controller makes for a pod, unless `address` or `target` say otherwise."""
    meta = pod["metadata"]
    named = {"kind": "Pod", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]}
    addresses = [address or pod["status"]["podIP"]]
    return {"addresses": addresses, "conditions": {"ready": ready}, "targetRef": named | target}


def endpoints(*of: Body, port: int, service: str = "web", name: str = "web-abcde", **rest: Any) -> Body:
    """An EndpointSlice of a Service."""
    body = _object("discovery.k8s.io/v1", "EndpointSlice", name, NAMESPACE)
    body["metadata"]["labels"] = {"kubernetes.io/service-name": service}
    ports = [{"name": "http", "port": port, "protocol": "TCP"}]
    return body | {"addressType": "IPv4", "ports": ports, "endpoints": list(of)} | rest


def secret(name: str = "token", **data: str | bytes) -> Body:
    coded = {
        key: base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()
        for key, value in data.items()
    }
    return _object("v1", "Secret", name, NAMESPACE) | {"data": coded}


def _object(api_version: str, kind: str, name: str, namespace: str, uid: str = "") -> Body:
    meta: Mapping[str, Any] = {"name": name, "namespace": namespace, "uid": uid or f"uid-{kind}-{namespace}-{name}"}
    return {"apiVersion": api_version, "kind": kind, "metadata": dict(meta)}


def _collection(path: str) -> tuple[tuple[str, str], str]:
    parts = path.split("/")
    return PLURALS[parts[-1]], parts[-2] if "namespaces" in parts else ""


def _is_in(ref: Ref, gvk: tuple[str, str], namespace: str) -> bool:
    return (ref.api_version, ref.kind) == gvk and namespace in ("", ref.namespace)


class Clock:
    """A monotonic clock that stands still until a test sets it; seconds."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time
