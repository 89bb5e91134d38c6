"""An API server that answers each dry run alike. Left out: objects, and everything but the answer."""

from typing import Any

from runbook_operator.kube import errors
from runbook_operator.kube.client import Body, Kube


class AnsweringKube(Kube):
    """Answers every request alike."""

    def __init__(self, error: errors.ApiError | None = None) -> None:
        self.error, self.asked, self.sent = error, list[tuple[str, Any]](), list[Any]()

    async def request(self, method: str, path: str, **rest: Any) -> Body:  # noqa: ARG002 # as declared
        self.asked.append((method, rest.get("query")))
        self.sent.append(rest.get("body"))
        if self.error is not None:
            raise self.error
        return {"kind": "Status"}


class ScalingKube(AnsweringKube):
    """Stores seven replicas, whatever is written."""

    async def request(self, method: str, path: str, **rest: Any) -> Body:
        await super().request(method, path, **rest)
        return {"kind": "Scale", "spec": {"replicas": 7}}
