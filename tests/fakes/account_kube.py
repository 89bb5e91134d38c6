"""One ServiceAccount that exists or not. Left out: everything but reading it."""

from typing import Any

from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from tests.builders import Body


class Accounts(Kube):
    """Has the account unless there is an error. Left out is everything else."""

    def __init__(self, error: errors.ApiError | None = None) -> None:
        self.error, self.asked, self.time = error, list[str](), 0.0

    async def get(self, path: str, **_: Any) -> Body:
        self.asked.append(path)
        if self.error is not None:
            raise self.error
        return {}
