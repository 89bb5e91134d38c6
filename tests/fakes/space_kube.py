"""One Namespace. Left out: everything but reading it."""

from typing import Any

from runbook_operator.kube.client import Kube
from tests.builders import NAMESPACE, Body


class SpaceKube(Kube):
    """Has one Namespace, which lies in none."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def request(self, method: str, path: str, **rest: Any) -> Body:
        del method, rest
        self.asked.append(path)
        meta = {"name": NAMESPACE, "uid": "uid-1", "resourceVersion": "1", "labels": {"istio-injection": "enabled"}}
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}
