"""A ListKube that refuses the lists of some kinds in one namespace. Left out: watches, which kopf repeats itself."""

from typing import Any

from runbook_operator.kube import errors
from tests.builders import runbook_body, switch_body
from tests.fakes.list_kube import Body, ListKube, deployment

OTHER = "team-b"


def within(body: Body, namespace: str) -> Body:
    meta = body["metadata"]
    return {**body, "metadata": {**meta, "namespace": namespace, "uid": f"{meta['uid']}-{namespace}"}}


class Partial(ListKube):
    """See above; `refused` are plurals, in the other namespace."""

    def __init__(self, *refused: str) -> None:
        bodies = (runbook_body(), switch_body(), deployment())
        super().__init__(*bodies, *(within(body, OTHER) for body in bodies))
        self.refused = set(refused)
        self.error: errors.ApiError = errors.ForbiddenError('403 User "operator" cannot list')

    async def request(self, method: str, path: str, **rest: Any) -> Body:
        namespace, _, plural = path.partition("/namespaces/")[2].partition("/")
        if namespace == OTHER and plural in self.refused:
            raise self.error
        answer = await super().request(method, path, **rest)
        items = [one for one in answer.get("items", ()) if one["metadata"]["namespace"] == namespace]
        return answer | {"items": items}
