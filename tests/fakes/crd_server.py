"""The OpenAPI document of an API server. Left out: everything but that one path."""

from typing import Any

from runbook_operator.kube import errors
from runbook_operator.kube.crd_check import DOCUMENT
from tests.crd_documents import served

Body = dict[str, Any]


class Server:
    """Answers with the document, or with an error where there is none.

    A real server that served an older CRD would break every operator of the other tests; tests/e2e/test_crds.py has the
    document of a real one.
    """

    def __init__(self) -> None:
        self.document: Body | None = served("Runbook", "Switch")

    async def get(self, path: str) -> Body:
        assert path == DOCUMENT
        if self.document is None:
            raise errors.ForbiddenError("403")
        return self.document
