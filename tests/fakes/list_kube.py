"""Lists out of memory. Left out: pages, continue tokens and everything but reading."""

from typing import Any, Self

from runbook_operator.api.registered_kinds import RESOURCE_KINDS
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.kube.client import Kube, MayWrite
from runbook_operator.kube.discovery import BUILT_IN, plural_of
from tests.builders import NAMESPACE

Body = dict[str, Any]

RUNBOOK = Ref(API_VERSION, "Runbook", NAMESPACE, "shop")


class ListKube(Kube):
    """See above."""

    def __init__(self, *objects: Body) -> None:
        self.objects = list(objects)
        self.asked: list[str] = []

    def guarded(self, may_write: MayWrite) -> Self:
        """Keep the guard in the same object, so that a test may change what it lists."""
        self.may_write = may_write
        return self

    async def request(self, method: str, path: str, **rest: Any) -> Body:
        del method, rest
        self.asked.append(path)
        if path == "/apis":
            return {"groups": [{"versions": [{"groupVersion": "apps/v1"}]}]}
        kinds = {plural_of(kind): kind for kind in (*BUILT_IN, *RESOURCE_KINDS)}
        api_version, kind = kinds.get(path.rpartition("/")[2], ("v1", "Version"))
        items = [one for one in self.objects if (one["apiVersion"], one["kind"]) == (api_version, kind)]
        return {"apiVersion": api_version, "kind": f"{kind}List", "metadata": {}, "items": items}


def deployment(replicas: int = 3) -> Body:
    meta = {"name": "web", "namespace": NAMESPACE, "uid": "web-1", "resourceVersion": "1"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"replicas": replicas}}
