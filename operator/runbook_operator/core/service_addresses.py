"""What a Service says of itself, and whether and where it may be asked."""

from collections.abc import Mapping
from typing import Any

from runbook_operator.core.check_not_performed import UnaskedError
from runbook_operator.core.references import Ref

Body = Mapping[str, Any]


def port(spec: Body, wanted: str) -> Body | None:
    """The Service's TCP port of this name or number; the first one for an empty text, None where there is none."""
    ports = (one for one in spec.get("ports", ()) if one.get("protocol", "TCP") == "TCP")
    return next((one for one in ports if wanted in ("", one.get("name"), str(one["port"]))), None)


def has_address(spec: Body) -> bool:
    """Whether it has an address of its own; a headless one and an ExternalName have none."""
    return spec.get("clusterIP") not in (None, "", "None")


def entrance(service: Ref, spec: Body, wanted: str) -> tuple[str, int]:
    """The Service's own address and port; raises UnaskedError."""
    found = chosen_port(service, spec, wanted)
    if not has_address(spec):
        raise UnaskedError("NoClusterIP", f"{service} has no address of its own and is not asked")
    return spec["clusterIP"], found["port"]


def chosen_port(service: Ref, spec: Body, wanted: str) -> Body:
    """The port of a Service that chooses its pods itself; raises UnaskedError where it does not, or has no such port.

    Whoever writes the EndpointSlices of a Service without a selector says where it leads, and that may be anywhere.
    """
    if not spec.get("selector"):
        raise UnaskedError("NoSelector", f"{service} has no selector: it may lead anywhere and is not asked")
    if (found := port(spec, wanted)) is None:
        raise UnaskedError("PortNotFound", f"{service} has no TCP port {wanted or 'number one'}")
    return found
