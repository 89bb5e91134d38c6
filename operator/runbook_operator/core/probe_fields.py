"""Compare a container's own probe with a health endpoint's declaration, and keep credentials out of a status.

A probe may contain credentials in a command, in headers or in a query. A status has only a digest of these.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from runbook_operator.core import field_paths
from runbook_operator.core.merge_patch import covers

Body = Mapping[str, Any]
Kind = Literal["startup", "readiness", "liveness"]
FIELDS: Mapping[Kind, str] = {
    "startup": "startupProbe",
    "readiness": "readinessProbe",
    "liveness": "livenessProbe",
}
HANDLERS = ("exec", "grpc", "httpGet", "tcpSocket")
HANDLER = f"{{{','.join(HANDLERS)}}}"
"""The last step of a path to a probe's handler, of any type."""
PROBE_DEFAULTS: Body = {
    "path": "/",
    "scheme": "HTTP",
    "service": "",
    "periodSeconds": 10,
    "timeoutSeconds": 1,
    "failureThreshold": 3,
    "successThreshold": 1,
}
"""Kubernetes' defaults of a probe; the API server does not fill them in for a custom resource."""
SECRET = ("exec", "httpHeaders")
DIGEST = "digest"
LOWEST, HIGHEST = 200, 399
"""The range of HTTP statuses that a kubelet counts as healthy."""


@dataclass(frozen=True)
class DeclaredProbe:
    """The probe that a health endpoint declares: its handler, and the numbers that are declared.

    `declared_fields` are the fields of the handler: path, port and scheme of an httpGet, and its headers if any.
    """

    kind: Kind
    handler: str
    declared_fields: Body
    numbers: Mapping[str, int]

    @property
    def probe(self) -> dict[str, Any]:
        """The probe for a container that has none."""
        return {self.handler: dict(self.declared_fields), **self.numbers}


@dataclass(frozen=True)
class Difference:
    """A field of a container, its live value and its declared value; None is absent."""

    field: str
    live: Any
    declared: Any

    def __str__(self) -> str:
        return f"{field_label(self.field)} is {shown(self.field, self.live)}, not {shown(self.field, self.declared)}"


def differences(container: Body, said: DeclaredProbe) -> tuple[Difference, ...]:
    """Return the differences of the container's probe from the declared one. A port matches by name or by number."""
    field, probe = FIELDS[said.kind], container.get(FIELDS[said.kind])
    if not probe:
        return (Difference(field, None, said.probe),)
    numbers = _differing(field, probe, said.numbers)
    handler = _handler(probe)
    if said.handler not in handler:
        return (Difference(f"{field}{HANDLER}", handler, {said.handler: dict(said.declared_fields)}), *numbers)
    return (*_parts(container, f"{field}.{said.handler}", handler[said.handler], said.declared_fields), *numbers)


def number(port: Any, ports: Iterable[Body]) -> Any:
    """Return the number of a container's port, given its name or number; the name if no port has it."""
    return next((one["containerPort"] for one in ports if one.get("name") == port), port)


def sealed(field: str, value: Any) -> Any:
    """Return the value of a field for a status: a digest replaces each possible credential."""
    return _sealed(field.rpartition(".")[2], value)


def is_sealed(value: Any) -> bool:
    """True if the value contains a digest, so that it can only be compared and not read."""
    return isinstance(value, Mapping) and (DIGEST in value or any(map(is_sealed, value.values())))


def unsealed(field: str, value: Any, templates: Sequence[Body]) -> Any:
    """Return the value that a sealed one stands for, from the first pod template that has it; None if none has."""
    found = (_get({"spec": {"template": one}}, field) for one in templates)
    return next((one for one in found if one is not None and sealed(field, one) == value), None)


def shows(body: Body, field: str, value: Any) -> bool:
    """True if the workload has this sealed value in the field, and the parent of the field exists."""
    return _has_parent(body, field) and covers(sealed(field, _get(body, field)), value)


def describe_change(field: str, before: Any, after: Any) -> str:
    """Return a change of a field as text; both values are sealed."""
    return f"{field_label(field)} from {shown(field, before)} to {shown(field, after)}"


def shown(field: str, value: Any) -> str:
    """Return a short text of the value for a message, without possible credentials."""
    if value is None:
        return "absent"
    value = sealed(field, value)
    if not isinstance(value, Mapping):
        return str(value)
    if DIGEST in value:
        return "something that is not shown"
    handler, parts = next(iter(_handler(value).items()))
    open_ = (parts.get(key) for key in ("path", "service", "port"))
    return " ".join([handler, *(str(part) for part in open_ if part and not isinstance(part, Mapping))])


def field_label(field: str) -> str:
    """Return the name of a field in a sentence about its probe: `httpGet.path`; `it` for the probe or its handler."""
    return field.rpartition("].")[2].removesuffix(HANDLER).partition(".")[2] or "it"


def _parts(container: Body, field: str, live: Body, parts: Body) -> tuple[Difference, ...]:
    ports = container.get("ports") or ()
    wanted = dict(parts)
    if number(live.get("port"), ports) == number(parts["port"], ports):
        wanted.pop("port")
    # A health endpoint cannot declare a host, so the probe must have none.
    own = (Difference(f"{field}.host", live["host"], None),) if live.get("host") else ()
    return (*_differing(field, live, wanted), *own)


def _differing(field: str, live: Body, wanted: Body) -> tuple[Difference, ...]:
    """Compare sealed values, so that a saved digest equals the value that it stands for."""
    return tuple(
        Difference(f"{field}.{key}", live.get(key), value)
        for key, value in wanted.items()
        if _sealed(key, live.get(key, PROBE_DEFAULTS.get(key))) != _sealed(key, value)
    )


def _handler(probe: Body) -> dict[str, Any]:
    return {key: probe[key] for key in HANDLERS if probe.get(key) is not None}


def _sealed(key: str, value: Any) -> Any:
    if value is None or (isinstance(value, Mapping) and DIGEST in value):
        return value
    if key in SECRET or (key == "path" and "?" in str(value)):
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
        return {DIGEST: hashlib.sha256(text.encode()).hexdigest()[:16]}
    if isinstance(value, Mapping):
        return {name: _sealed(name, inner) for name, inner in value.items()}
    return value


def _get(body: Body, field: str) -> Any:
    """Return the value, None also if an element on the way exists twice."""
    try:
        return field_paths.get(body, field)
    except field_paths.FieldError:
        return None


def _has_parent(body: Body, field: str) -> bool:
    """True if the parent of the field exists: without it, an absent field means nothing."""
    above = field.removesuffix(HANDLER) if field.endswith(HANDLER) else field.rpartition(".")[0]
    return _get(body, above) is not None
