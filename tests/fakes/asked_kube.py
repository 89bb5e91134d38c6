"""Notes each path that is requested. Left out: every answer."""

from runbook_operator.kube import errors
from runbook_operator.kube.client import Body, Kube


class AskedKube(Kube):
    """Notes what it is asked, and has nothing."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def request(self, method: str, path: str, **rest: object) -> Body:
        del method, rest
        self.asked.append(path)
        raise errors.NotFoundError(path)
