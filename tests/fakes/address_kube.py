"""The Service and the EndpointSlice of an API server. Left out: everything but reading them."""

from typing import Any

from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from tests.builders import Body


class TellingKube(Kube):
    """Tells a Service and a slice, or raises what it is given instead; everything else is left out."""

    def __init__(self, service: Body | errors.ApiError, one: Body | errors.ApiError, host: str = "10.96.0.1") -> None:
        self.answers = {"services": service, "endpointslices": one}
        self._host = host

    @property
    def host(self) -> str:
        return self._host

    async def request(self, method: str, path: str, **rest: Any) -> Body:
        del method, rest
        found = self.answers["services" if "/services/" in path else "endpointslices"]
        if isinstance(found, errors.ApiError):
            raise found
        if "spec" in found:
            return found
        return {"apiVersion": "v1", "kind": "EndpointSliceList", "metadata": {}, "items": [found]}
