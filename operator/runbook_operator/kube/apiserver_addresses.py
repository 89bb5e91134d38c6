"""The API server's own addresses: no check may ask them, since the operator's network position is not its tenants'."""

from collections.abc import Iterable, Iterator, Sequence

import structlog

from runbook_operator.core.ip_policy import IPAddress, parse
from runbook_operator.core.references import Ref
from runbook_operator.egress.egress_guard import Resolver
from runbook_operator.kube import errors
from runbook_operator.kube.client import Body, Kube
from runbook_operator.kube.discovery import collection, path_of

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
SERVICE = Ref("v1", "Service", "default", "kubernetes")
"""Every cluster has it, and the API servers put their own addresses behind it."""
SLICES = "discovery.k8s.io/v1"


async def own_addresses(kube: Kube, resolver: Resolver) -> frozenset[IPAddress]:
    """Those that the client asks, those of the Service, and those behind it; raises ApiError where nobody knows.

    What may not be read is told and left out: the client's own is known without asking.
    """
    parts = [await _resolved(kube.host, resolver)]
    for read in (_of_service, _behind_it):
        try:
            parts.append(await read(kube))
        except errors.ForbiddenError as error:
            log.warning("not every address of the API server is known", error=str(error), hint=error.user_action)
        except errors.NotFoundError:
            continue
    return frozenset(one for texts in parts for one in _parsed(texts))


async def _of_service(kube: Kube) -> list[str]:
    spec = (await kube.get(path_of(SERVICE, "services")))["spec"]
    return [*spec.get("clusterIPs", ()), spec.get("clusterIP", "")]


async def _behind_it(kube: Kube) -> list[str]:
    path = collection(SLICES, "endpointslices", SERVICE.namespace)
    return [
        address
        async for body in kube.items(path, f"kubernetes.io/service-name={SERVICE.name}")
        for address in _in(body)
    ]


def _in(body: Body) -> Iterator[str]:
    for endpoint in body.get("endpoints") or ():
        yield from endpoint["addresses"]


async def _resolved(host: str, resolver: Resolver) -> Sequence[str]:
    """A name that leads nowhere now is no reason to know nothing of the rest."""
    try:
        return await resolver(host)
    except OSError:
        return ()


def _parsed(texts: Iterable[str]) -> Iterator[IPAddress]:
    return (address for text in texts if (address := parse(text)))
