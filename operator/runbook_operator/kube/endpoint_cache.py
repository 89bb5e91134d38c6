"""The addresses of Services and their pods, from watches: a check costs the API server no request.

A kind is watched in a namespace from the first check there until there was none for UNUSED seconds.
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from runbook_operator.api.rbac_generation import PODS as PODS_ROLE
from runbook_operator.api.rbac_generation import PREFIX
from runbook_operator.core import service_addresses
from runbook_operator.core.check_not_performed import CheckNotPerformedError
from runbook_operator.core.ip_policy import IPAddress, parse
from runbook_operator.core.monitors import ServiceEndpoint
from runbook_operator.core.references import Ref
from runbook_operator.kube.dynamic_watcher import Follower, Kind
from runbook_operator.kube.on_demand_cache import Body, OnDemandCache
from runbook_operator.kube.read_errors import check_error
from runbook_operator.kube.watch_demand import Gvk, WatchDemand

SERVICES: Gvk = ("v1", "Service")
SLICES: Gvk = ("discovery.k8s.io/v1", "EndpointSlice")
PODS: Gvk = ("v1", "Pod")
SERVICE_NAME = "kubernetes.io/service-name"
MOST_NAMESPACES = 16
"""The most namespaces with a watch each: beyond that, one watch of all namespaces is cheaper than their connections."""
MOST_PODS = 128
SLACK = 15.0
"""Seconds for which the data of a broken watch is still used, while it restarts."""
PATIENCE = 5.0
"""Maximum seconds to wait for a first list."""
UNUSED = 600.0
"""A namespace without a check for this many seconds is no longer watched."""


@dataclass(frozen=True)
class Destination:
    """A Service or a pod, and the address and port to check."""

    ref: Ref
    address: str
    port: int


@dataclass(frozen=True)
class _Endpoint:
    """A ready endpoint that claims to be this pod."""

    pod: Ref
    uid: str
    address: IPAddress


@dataclass(frozen=True)
class _Slice:
    """Ready endpoints of a Service, of one address family, and their TCP ports by name."""

    family: str
    ports: Mapping[str, int]
    endpoints: Sequence[_Endpoint]


@dataclass
class Addresses(OnDemandCache):
    """The addresses of Services and of the pods behind them."""

    _good_until: dict[Kind, float] = field(default_factory=dict)
    _services: dict[Ref, Body] = field(default_factory=dict)
    _slices: dict[Ref, dict[Ref, _Slice]] = field(default_factory=lambda: defaultdict(dict))
    _owners: dict[Ref, Ref] = field(default_factory=dict)
    """The Service of each slice."""
    _pods: dict[Ref, Sequence[IPAddress]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._needs = WatchDemand(self.namespaces, MOST_NAMESPACES, UNUSED, self.monotonic)
        self.follower = Follower(self.paths, self, self.handle_event, self.seconds, self.resync, self.monotonic)

    async def destinations(self, place: ServiceEndpoint) -> Sequence[Destination]:
        """Return the Service itself, or each ready pod behind it; raises CheckNotPerformedError if there is none."""
        service = place.service
        await self._known(SERVICES, service.namespace)
        if (spec := self._services.get(service)) is None:
            raise CheckNotPerformedError(
                "ServiceNotFound", f"{service} does not exist in namespace {service.namespace}"
            )
        if not place.each:
            return (Destination(service, *service_addresses.entrance(service, spec, place.port)),)
        port = service_addresses.chosen_port(service, spec, place.port)
        await self._known(SLICES, service.namespace)
        await self._known(PODS, service.namespace)
        return self._each(service, spec, port.get("name", ""))

    def forget(self) -> None:
        """Drop the objects of kinds that no check has used lately, and the times until which their data counts."""
        super().forget()
        held = self.held_kinds()
        self._good_until = {kind: until for kind, until in self._good_until.items() if kind in held}

    async def _known(self, gvk: Gvk, namespace: str) -> None:
        """Wait until the kind's data is current, or at most SLACK seconds old; else raise CheckNotPerformedError."""
        if self._needs.use(gvk, namespace):
            self.follower.sync_watches()
        if not self._is_known(self._needs.kind(gvk, namespace)):
            await self._first_list(gvk, namespace)

    async def _first_list(self, gvk: Gvk, namespace: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                # Meanwhile one watch of all namespaces may replace that of this one.
                while not self._is_known(kind := self._needs.kind(gvk, namespace)):
                    if error := await self.follower.trouble(kind):
                        raise check_error(error, PODS_ROLE if gvk == PODS else PREFIX)
        except TimeoutError as error:
            text = f"the objects of kind {gvk[1]} in namespace {namespace} are not listed yet"
            raise CheckNotPerformedError("NotListed", text) from error

    def _is_known(self, kind: Kind) -> bool:
        now = self.monotonic()
        if kind in self.follower.following:
            self._good_until[kind] = now + SLACK
            return True
        return now < self._good_until.get(kind, -math.inf)

    def _each(self, service: Ref, spec: Body, port: str) -> Sequence[Destination]:
        """Return the ready pods; raises CheckNotPerformedError without one, which is no failed check.

        The workload may be scaled to 0 on purpose, and the kubelet decides about readiness. To check if anything
        answers, check the Service itself.
        """
        family = next(iter(spec.get("ipFamilies", ())), "")
        slices = [one for one in self._slices.get(service, {}).values() if family in ("", one.family)]
        ready = [(end, one.ports[port]) for one in slices if port in one.ports for end in one.endpoints]
        found = {end.pod: Destination(end.pod, str(end.address), number) for end, number in ready if self._is_its(end)}
        if len(found) > MOST_PODS:
            text = f"{service} has {len(found)} ready pods, and at most {MOST_PODS} are checked one by one"
            raise CheckNotPerformedError(
                "TooManyPods", f"{text}; remove each, so that the check uses the Service's own address"
            )
        if not found:
            others = f"; {len(ready)} endpoints name no pod that has their address" if ready else ""
            raise CheckNotPerformedError("NoReadyPods", f"{service} has no ready pod{others}")
        return tuple(found[pod] for pod in sorted(found))

    def _is_its(self, endpoint: _Endpoint) -> bool:
        """True if the pod itself has this address, since an EndpointSlice may hold any address."""
        return self._uids.get(endpoint.pod) == endpoint.uid and endpoint.address in self._pods[endpoint.pod]

    def _put(self, ref: Ref, body: Body) -> None:
        self._drop(ref)
        match (ref.api_version, ref.kind):
            case gvk if gvk == SERVICES:
                spec = body["spec"]
                self._services[ref] = {key: spec[key] for key in KEPT if key in spec}
            case gvk if gvk == SLICES:
                owner = Ref(*SERVICES, ref.namespace, (body["metadata"].get("labels") or {}).get(SERVICE_NAME, ""))
                self._owners[ref] = owner
                self._slices[owner][ref] = _slice(ref.namespace, body)
            case _:
                self._pods[ref] = tuple(_ips(body.get("status") or {}))

    def _drop(self, ref: Ref) -> None:
        self._services.pop(ref, None)
        self._pods.pop(ref, None)
        if (owner := self._owners.pop(ref, None)) is not None:
            del self._slices[owner][ref]
            if not self._slices[owner]:
                del self._slices[owner]


KEPT = ("selector", "clusterIP", "ipFamilies", "ports")
"""The fields of a Service that are kept."""


def _slice(namespace: str, body: Body) -> _Slice:
    ports = (one for one in body.get("ports") or () if one.get("protocol", "TCP") == "TCP" and one.get("port"))
    numbers = {one.get("name") or "": one["port"] for one in ports}
    return _Slice(body.get("addressType", ""), numbers, tuple(_ready(namespace, body)))


def _ready(namespace: str, body: Body) -> Iterator[_Endpoint]:
    """Yield the ready pods of a slice by their first address; unknown readiness is ready, as the API defines it."""
    for one in body.get("endpoints") or ():
        target = one.get("targetRef") or {}
        address = parse(one["addresses"][0])
        if target.get("kind") == "Pod" and address and (one.get("conditions") or {}).get("ready") is not False:
            yield _Endpoint(Ref(*PODS, namespace, target.get("name", "")), target.get("uid", ""), address)


def _ips(status: Body) -> Iterator[IPAddress]:
    """Yield the addresses of a running pod; one that has ended names an address that another pod may have now."""
    if status.get("phase") != "Running":
        return
    for one in status.get("podIPs") or ({"ip": status.get("podIP", "")},):
        if address := parse(one["ip"]):
            yield address
