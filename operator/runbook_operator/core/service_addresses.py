"""Read the ports and the address of a Service, and decide if the operator may send it a request."""

from collections.abc import Mapping
from typing import Any

from runbook_operator.core.check_not_performed import CheckNotPerformedError
from runbook_operator.core.references import Ref

Body = Mapping[str, Any]


def port(spec: Body, wanted: str) -> Body | None:
    """Return the Service's TCP port with this name or number (the first one if it is empty), or None."""
    ports = (one for one in spec.get("ports", ()) if one.get("protocol", "TCP") == "TCP")
    return next((one for one in ports if wanted in ("", one.get("name"), str(one["port"]))), None)


def has_address(spec: Body) -> bool:
    """True if the Service has a cluster IP; a headless one and an ExternalName have none."""
    return spec.get("clusterIP") not in (None, "", "None")


def entrance(service: Ref, spec: Body, wanted: str) -> tuple[str, int]:
    """Return the Service's cluster IP and port; raise CheckNotPerformedError if it lacks one of them or a selector."""
    found = chosen_port(service, spec, wanted)
    if not has_address(spec):
        raise CheckNotPerformedError("NoClusterIP", f"{service} has no address of its own, so it cannot be checked")
    return spec["clusterIP"], found["port"]


def chosen_port(service: Ref, spec: Body, wanted: str) -> Body:
    """Return the port of a Service that selects its pods; raise CheckNotPerformedError if it has none.

    Other clients write the EndpointSlices of a Service without a selector, so these may lead to any address.
    """
    if not spec.get("selector"):
        raise CheckNotPerformedError(
            "NoSelector", f"{service} has no selector: it may lead to any address, so it is not checked"
        )
    if (found := port(spec, wanted)) is None:
        raise CheckNotPerformedError("PortNotFound", f"{service} has no TCP port {wanted or 'number one'}")
    return found
