"""An API server that takes Events. Left out: everything but the creation of an Event."""

from typing import Any

from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube


class Cluster(Kube):
    """The one call of the cluster's client that an Event needs."""

    def __init__(self, failure: errors.ApiError | None = None) -> None:
        self.failure = failure
        self.created: list[tuple[str, dict[str, Any]]] = []

    async def create(self, path: str, body: dict[str, Any]) -> Any:  # type: ignore[override] # what is called
        self.created.append((path, body))
        if self.failure:
            raise self.failure
