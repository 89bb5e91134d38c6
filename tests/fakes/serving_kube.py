"""Discovery of groups that change. Left out: objects."""

from typing import Any

from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from tests.builders import Body


class ServingKube(Kube):
    """Serves the groups that it is given, and notes what it is asked; everything else is left out."""

    def __init__(self, *served: str) -> None:
        self.served = list(served)
        self.asked: list[str] = []

    async def request(self, method: str, path: str, **rest: Any) -> Body:
        del method, rest
        self.asked.append(path)
        if path == "/apis":
            return {"groups": [{"versions": [{"groupVersion": version}]} for version in self.served]}
        if path.removeprefix("/apis/") not in self.served:
            raise errors.NotFoundError(f"GET {path}")
        return {"resources": [{"name": "scaledobjects", "kind": "ScaledObject"}]}
