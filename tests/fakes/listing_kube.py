"""A list that takes time on a clock of its own. Left out: objects, and everything but lists."""

from typing import Any

from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube


class Listing(Kube):
    """Answers every list with nothing in it, or with the error; `time` is that of who asks."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.asked = 0
        self.error: errors.ApiError | None = None

    async def request(self, method: str, path: str, **rest: Any) -> dict[str, Any]:
        del method, path, rest
        self.asked += 1
        if self.error:
            raise self.error
        return {"metadata": {}, "items": [], "apiVersion": "v1", "kind": "List"}
