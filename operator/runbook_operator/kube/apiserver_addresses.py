"""The API server's own addresses, which no check may reach: its tenants may lack the operator's network access."""

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
"""A Service of every cluster, whose endpoints are the addresses of the API servers."""
SLICES = "discovery.k8s.io/v1"


async def own_addresses(kube: Kube, resolver: Resolver) -> frozenset[IPAddress]:
    """Return the addresses that the client uses, those of the Service, and its endpoints; raises ApiError.

    Addresses that may not be read are logged and left out; those of the client need no right.
    """
    parts = [await _resolved(kube.host, resolver)]
    for read in (_of_service, _behind_it):
        try:
            parts.append(await read(kube))
        except errors.ForbiddenError as error:
            log.warning(
                "the addresses of the API server are not all known yet", error=str(error), hint=error.user_action
            )
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
    """Resolve the host; a name that does not resolve gives no addresses instead of an error."""
    try:
        return await resolver(host)
    except OSError:
        return ()


def _parsed(texts: Iterable[str]) -> Iterator[IPAddress]:
    return (address for text in texts if (address := parse(text)))
