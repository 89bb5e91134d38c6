"""Find the container's probe that a health endpoint is declared to be, and compute its desired value."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runbook_operator.api.health_checks import Header
from runbook_operator.api.monitoring_spec import PROBE_ONLY, HealthEndpoint
from runbook_operator.core import field_paths, service_addresses
from runbook_operator.core.desired_fields import TEMPLATE, Refused
from runbook_operator.core.durations import duration
from runbook_operator.core.field_paths import quoted
from runbook_operator.core.http_statuses import statuses
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.probe_fields import FIELDS, HIGHEST, LOWEST, DeclaredProbe, Kind, number
from runbook_operator.core.queries import NeedsRead, Query
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.snapshot import RunbookSnapshot, require

Body = Mapping[str, Any]
CONTAINERS, INITS = f"{TEMPLATE}.spec.containers", f"{TEMPLATE}.spec.initContainers"
NUMBERS: Mapping[str, str] = {
    "period": "periodSeconds",
    "timeout": "timeoutSeconds",
    "failure_threshold": "failureThreshold",
    "success_threshold": "successThreshold",
}
"""The fields of a probe by the numbers of a health endpoint."""


@dataclass(frozen=True)
class ContainerProbe:
    """A container of an existing workload, its path in the workload, and the desired value of its probe."""

    observed: ObservedObject
    path: str
    container: Body
    declared: DeclaredProbe

    @property
    def name(self) -> str:
        return str(self.container["name"])

    @property
    def key(self) -> tuple[str, str, Kind]:
        """The workload's uid, the container and the kind of probe: the identity of the probe."""
        return (self.observed.uid, self.name, self.declared.kind)

    def __str__(self) -> str:
        return f"{FIELDS[self.declared.kind]} of container {self.name} in {self.observed.ref}"


def container_probe_of(snapshot: RunbookSnapshot, endpoint: HealthEndpoint) -> ContainerProbe:
    """Return the probe that the endpoint is declared to be.

    Raises Refused if there is none, or if probes do not support the declaration; raises NeedsRead for a read.
    """
    if endpoint.probe is None:
        raise Refused(Reason.INVALID_SPEC, PROBE_ONLY)
    assert snapshot.runbook.spec  # noqa: S101 # it declares the endpoint
    target = snapshot.runbook.spec.target(endpoint.target, snapshot.runbook.meta.ref.namespace)
    for part, ref in (("workload", target.workload), ("service", target.service)):
        if ref is None:
            text = f"target {endpoint.target} has no {part}; declare it in spec.targets"
            raise Refused(Reason.INVALID_SPEC, text)
    workload, service = _there(snapshot, [ref for ref in (target.workload, target.service) if ref])
    path, container = _container(workload, endpoint)
    port = _port(service, target.port)
    return ContainerProbe(workload, path, container, _declared(endpoint, endpoint.probe, container, port))


def _there(snapshot: RunbookSnapshot, refs: Sequence[Ref]) -> tuple[ObservedObject, ...]:
    """Return the whole objects; raises one NeedsRead for all that are missing in the snapshot."""
    found: list[ObservedObject | Missing] = []
    needed: set[Query] = set()
    for ref in refs:
        try:
            found.append(require(snapshot.observed, ref, whole=True))
        except NeedsRead as more:
            needed |= more.queries
    if missing := next((one for one in found if isinstance(one, Missing)), None):
        raise Refused(missing.reason, missing.message)
    if needed:
        raise NeedsRead(needed)
    return tuple(one for one in found if isinstance(one, ObservedObject))


def _container(observed: ObservedObject, endpoint: HealthEndpoint) -> tuple[str, Body]:
    """Return the container's path and the container: the first one if the endpoint names none."""
    for path in (CONTAINERS, INITS):
        for one in field_paths.get(observed.body, path) or ():
            if endpoint.container in (None, one["name"]):
                if path == INITS and one.get("restartPolicy") != "Always":
                    text = (
                        f"{observed.ref}: init container {one['name']} ends before the others begin, so "
                        "it has no probes"
                    )
                    raise Refused(Reason.PROBE_UNSUPPORTED, text)
                return f"{path}[name={quoted(one['name'])}]", one
    wanted = f"container {endpoint.container}" if endpoint.container else "container of its own"
    raise Refused(Reason.FIELD_NOT_FOUND, f"{observed.ref} has no {wanted}; correct the health endpoint's container")


def _port(service: ObservedObject, wanted: str) -> int | str:
    """Return the targetPort of the Service's port: the number or the name of a container's port."""
    port = service_addresses.port(service.body["spec"], wanted)
    if port is None:
        text = f"{service.ref} has no TCP port {wanted or 'number one'}; correct the service of the target"
        raise Refused(Reason.PROBE_UNSUPPORTED, text)
    found: int | str = port.get("targetPort", port["port"])
    return found


def _declared(endpoint: HealthEndpoint, kind: Kind, container: Body, port: int | str) -> DeclaredProbe:
    handler, parts = _handler(endpoint)
    resolved = number(port, container.get("ports") or ())
    if isinstance(resolved, str):
        text = f"the Service leads to port {port}, which container {container['name']} does not have; set container"
        raise _unsayable(text)
    parts["port"] = resolved if handler == "grpc" else port
    return DeclaredProbe(kind, handler, parts, _numbers(endpoint, kind))


def _handler(endpoint: HealthEndpoint) -> tuple[str, dict[str, Any]]:
    """Return the handler of the probe without its port; raises Refused if kubelets do not support it."""
    if endpoint.protocol == "TCP":
        return "tcpSocket", {}
    if endpoint.protocol == "GRPC":
        if endpoint.tls is not None:
            raise _unsayable("a kubelet supports gRPC only without TLS")
        return "grpc", {"service": endpoint.health_service}
    if any(low < LOWEST or high > HIGHEST for low, high in statuses(endpoint.expect).ranges):
        text = (
            f"a kubelet accepts exactly the statuses {LOWEST} to {HIGHEST} as success, and expect is {endpoint.expect}"
        )
        raise _unsayable(text)
    if endpoint.body_contains:
        raise _unsayable("a kubelet does not read the body, and bodyContains is set")
    scheme = "HTTPS" if endpoint.tls is not None else "HTTP"
    headers = {"httpHeaders": list(map(_header, endpoint.headers))} if endpoint.headers else {}
    return "httpGet", {"path": endpoint.path, "scheme": scheme, **headers}


def _header(header: Header) -> dict[str, str]:
    if header.secret is not None:
        raise _unsayable(f"a kubelet cannot take a header from a Secret, and {header.name} comes from one")
    return {"name": header.name, "value": header.value or ""}


def _numbers(endpoint: HealthEndpoint, kind: Kind) -> dict[str, int]:
    """Return the declared numbers; times are rounded up to whole seconds, so that the probe is never stricter.

    Startup and liveness probes succeed after one success, whatever is declared.
    """
    return {
        said: _whole(getattr(endpoint, name))
        for name, said in NUMBERS.items()
        if name in endpoint.model_fields_set and (name != "success_threshold" or kind == "readiness")
    }


def _whole(value: str | int) -> int:
    return value if isinstance(value, int) else max(1, math.ceil(duration(value).total_seconds()))


def _unsayable(why: str) -> Refused:
    text = f"the endpoint cannot be a container's probe: {why}; remove probe, or change the endpoint"
    return Refused(Reason.PROBE_UNSUPPORTED, text)
