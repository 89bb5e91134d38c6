"""Events by name. Left out: everything but the refusal of a second Event of one name."""

from typing import Any

from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from tests.fakes.faulty_kube import Body


class EventKube(Kube):
    """Keeps Events by name and refuses a second one of a name, as the API server does. Everything else is left out."""

    def __init__(self) -> None:
        self.stored: dict[str, Body] = {}

    async def request(self, method: str, path: str, **rest: Any) -> Body:
        body: Body = rest["body"]
        name = path.rsplit("/", 1)[1] if method == "PATCH" else body["metadata"]["name"]
        if method == "POST" and name in self.stored:
            raise errors.ConflictError("POST events: 409")
        self.stored[name] = self.stored.get(name, {}) | body
        return self.stored[name]
