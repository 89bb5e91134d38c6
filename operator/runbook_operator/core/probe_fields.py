"""A container's own probe beside what a health endpoint says: where they differ, and what of it a status may keep.

A probe may hold credentials: in a command, in headers, in a query. Of those a status has a digest and nothing else.
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
"""The end of the path of whichever handler a probe has."""
UNSAID: Body = {
    "path": "/",
    "scheme": "HTTP",
    "service": "",
    "periodSeconds": 10,
    "timeoutSeconds": 1,
    "failureThreshold": 3,
    "successThreshold": 1,
}
"""What Kubernetes takes where a probe says nothing; a custom resource's probe is not filled in by the API server."""
SECRET = ("exec", "httpHeaders")
DIGEST = "digest"
LOWEST, HIGHEST = 200, 399
"""The statuses that a kubelet takes for well, all of them."""


@dataclass(frozen=True)
class Said:
    """What a health endpoint says of a probe: how it asks, and those of its numbers that are declared.

    `parts` are the handler's: path, port and scheme of an httpGet, and its headers where some are declared.
    """

    kind: Kind
    handler: str
    parts: Body
    numbers: Mapping[str, int]

    @property
    def probe(self) -> dict[str, Any]:
        """The probe of a container that had none."""
        return {self.handler: dict(self.parts), **self.numbers}


@dataclass(frozen=True)
class Difference:
    """A field of a container, what it is, and what it is to be; None is absent."""

    field: str
    live: Any
    declared: Any

    def __str__(self) -> str:
        return f"{called(self.field)} is {_shown(self, self.live)}, not {_shown(self, self.declared)}"


def differences(container: Body, said: Said) -> tuple[Difference, ...]:
    """Where the container's probe differs from what is said. A port is the same by its name and by its number."""
    field, probe = FIELDS[said.kind], container.get(FIELDS[said.kind])
    if not probe:
        return (Difference(field, None, said.probe),)
    numbers = _differing(field, probe, said.numbers)
    handler = _handler(probe)
    if said.handler not in handler:
        return (Difference(f"{field}{HANDLER}", handler, {said.handler: dict(said.parts)}), *numbers)
    return (*_parts(container, f"{field}.{said.handler}", handler[said.handler], said.parts), *numbers)


def number(port: Any, ports: Iterable[Body]) -> Any:
    """The number of a container's port, by its name or as it is; the name where no port of the container has it."""
    return next((one["containerPort"] for one in ports if one.get("name") == port), port)


def sealed(field: str, value: Any) -> Any:
    """The value of a field as a status may have it: with a digest in the place of what may be a credential."""
    return _sealed(field.rpartition(".")[2], value)


def is_sealed(value: Any) -> bool:
    """Whether the value has a digest in it, so that it can only be found and not read."""
    return isinstance(value, Mapping) and (DIGEST in value or any(map(is_sealed, value.values())))


def unsealed(field: str, value: Any, templates: Sequence[Body]) -> Any:
    """The value of which a status has this, found in the first pod template that has it there; None in none of them."""
    found = (_get({"spec": {"template": one}}, field) for one in templates)
    return next((one for one in found if one is not None and sealed(field, one) == value), None)


def shows(body: Body, field: str, value: Any) -> bool:
    """Whether the workload has this value, as a status has it, in a field whose place is there."""
    return _has_place(body, field) and covers(sealed(field, _get(body, field)), value)


def told(field: str, before: Any, after: Any) -> str:
    """A change of a field, both values as a status has them, as words."""
    change = Difference(field, before, after)
    return f"{called(field)} from {_shown(change, before)} to {_shown(change, after)}"


def called(field: str) -> str:
    """A field of a probe in a sentence about that probe: `httpGet.path`, and `it` for the whole and for its handler."""
    return field.rpartition("].")[2].removesuffix(HANDLER).partition(".")[2] or "it"


def _parts(container: Body, field: str, live: Body, parts: Body) -> tuple[Difference, ...]:
    ports = container.get("ports") or ()
    wanted = dict(parts)
    if number(live.get("port"), ports) == number(parts["port"], ports):
        wanted.pop("port")
    # Another host than the pod itself is none of what an endpoint says.
    own = (Difference(f"{field}.host", live["host"], None),) if live.get("host") else ()
    return (*_differing(field, live, wanted), *own)


def _differing(field: str, live: Body, wanted: Body) -> tuple[Difference, ...]:
    """What was saved as a digest is as good as what it stands for."""
    return tuple(
        Difference(f"{field}.{key}", live.get(key), value)
        for key, value in wanted.items()
        if _sealed(key, live.get(key, UNSAID.get(key))) != _sealed(key, value)
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
    """The value there, None also where an element on the way is there twice."""
    try:
        return field_paths.get(body, field)
    except field_paths.FieldError:
        return None


def _has_place(body: Body, field: str) -> bool:
    """Whether what the field is a part of is there: without it, that the field is absent says nothing."""
    above = field.removesuffix(HANDLER) if field.endswith(HANDLER) else field.rpartition(".")[0]
    return _get(body, above) is not None


def _shown(difference: Difference, value: Any) -> str:
    """A value in as few words as a message has room for, and without what may be a credential."""
    if value is None:
        return "absent"
    value = sealed(difference.field, value)
    if not isinstance(value, Mapping):
        return str(value)
    if DIGEST in value:
        return "something that is not shown"
    handler, parts = next(iter(_handler(value).items()))
    open_ = (parts.get(key) for key in ("path", "service", "port"))
    return " ".join([handler, *(str(part) for part in open_ if part and not isinstance(part, Mapping))])
