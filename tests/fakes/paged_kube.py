"""Pages of one list, of which one may expire. Left out: everything else."""

from typing import Any

from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from tests.builders import Body


class PagedKube(Kube):
    """See above. A page that is None has expired."""

    def __init__(self, *pages: Body | None) -> None:
        self.found = list(pages)

    async def request(self, method: str, path: str, **rest: Any) -> Body:
        del method, rest
        page = self.found.pop(0) if path.endswith("horizontalpodautoscalers") and self.found else None
        if page is None:
            raise errors.NotFoundError(f"GET {path}")
        more = {"continue": "next"} if self.found else {}
        return {"apiVersion": "autoscaling/v2", "kind": "HPAList", "metadata": more, "items": [page]}
