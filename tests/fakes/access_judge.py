"""Access reviews by a table. Left out: roles, and everything but reviews and discovery."""

from collections.abc import Iterable
from typing import Any

from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from tests.builders import Body

Asked = tuple[str, str, str, str]


class Judge(Kube):
    """Allows what is in `allowed`, each as user, verb, namespace and name; empty for all."""

    def __init__(self, *allowed: Asked, served: Iterable[str] = ()) -> None:
        self.allowed, self.served = set(allowed), set(served)
        self.asked: list[Asked] = []
        self.error: errors.OperatorError | None = None
        self.tells_who = True
        self.time = 0.0

    async def request(self, method: str, path: str, **rest: Any) -> Body:
        if method == "GET":
            return self._serves(path)
        if self.error is not None:
            raise self.error
        if path.endswith("selfsubjectreviews"):
            if not self.tells_who:
                raise errors.NotFoundError("404")
            return {"status": {"userInfo": {"username": "system:serviceaccount:ops:operator"}}}
        asked = rest["body"]["spec"]["resourceAttributes"]
        assert (asked["resource"], asked["subresource"]) in {("deployments", "scale"), ("scaledobjects", "")}
        user = self.account.name if self.account else ""
        self.asked.append((user, asked["verb"], asked["namespace"], asked["name"]))
        return {"status": {"allowed": self.asked[-1] in self.allowed}}

    def _serves(self, path: str) -> Body:
        if path.removeprefix("/apis/") not in self.served:
            raise errors.NotFoundError(f"GET {path}")
        version = path.removeprefix("/apis/")
        if "/" in version:
            return {"resources": [{"name": "scaledobjects"}, {"name": "scaledobjects/status"}]}
        return {"versions": [{"groupVersion": f"{version}/v1alpha1"}]}
