"""An API server in memory that fails where a test wants it to.

Left out: validation, watches, managed fields, everything that the e2e tests have from the real one.
"""

from collections.abc import Callable
from typing import Any, Self

from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube, MayWrite
from tests.builders import NAMESPACE, patched

Body = dict[str, Any]

Fault = Callable[[str, str], None]

DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/web"

SWITCH = f"/apis/runbooks.dev/v1alpha1/namespaces/{NAMESPACE}/switches/shop-stop"

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class FaultyKube(Kube):
    """See above. `fault` is asked before each write and may raise."""

    def __init__(self, objects: dict[str, Body]) -> None:
        self.objects = objects
        self.fault: Fault = lambda _method, _path: None
        self.after: Fault = lambda _method, _path: None
        self.version = 100
        self.unreadable: dict[str, errors.ApiError] = {}
        """What cannot be read, and why."""
        self.events: list[Body] = []
        self.asked: list[str] = []

    def guarded(self, may_write: MayWrite) -> Self:
        """Keep the guard in the same object, so that a test may change its faults."""
        self.may_write = may_write
        return self

    async def request(self, method: str, path: str, **rest: Any) -> Body:
        if method == "GET":
            self.asked.append(path)
            if (error := self.unreadable.get(path)) is not None:
                raise error
            return self._found(path)
        if path == REVIEWS or "dryRun" in (rest.get("query") or {}):
            return {"status": {"allowed": True}}
        self.fault(method, path)
        if path.endswith("/events"):
            self.events.append(rest["body"])
            return {}
        if method == "DELETE":
            return self._removed(path, rest["body"])
        answer = self._made(path, rest["body"]) if method == "POST" else self._patched(path, rest["body"])
        self.after(method, path)
        return answer

    def set_replicas(self, replicas: int) -> None:
        self._patched(DEPLOYMENT, {"metadata": {}, "spec": {"replicas": replicas}})

    def delete_deployment(self) -> None:
        del self.objects[DEPLOYMENT]

    @property
    def replicas(self) -> int:
        return int(self.objects[DEPLOYMENT]["spec"]["replicas"])

    def _found(self, path: str) -> Body:
        if path not in self.objects:
            raise errors.NotFoundError(f"GET {path}: 404")
        return self.objects[path]

    def _made(self, path: str, body: Body) -> Body:
        self.version += 1
        named = {"uid": f"made-{self.version}", "resourceVersion": str(self.version)}
        # A Job has its pod at once.
        status = {"status": {"active": 1}} if path.endswith("/jobs") else {}
        made = {**body, "metadata": body["metadata"] | named, **status}
        self.objects[f"{path}/{made['metadata']['name']}"] = made
        return made

    def _removed(self, path: str, body: Body) -> Body:
        if self._found(path)["metadata"]["uid"] != body["preconditions"]["uid"]:
            raise errors.ConflictError(f"DELETE {path}: 409")
        del self.objects[path]
        return {"kind": "Status"}

    def _patched(self, path: str, patch: Body | list[Body]) -> Body:
        plain = path.removesuffix("/scale").removesuffix("/status")
        old = self._found(plain)
        if isinstance(patch, list):
            patch = merged(old, patch)
        expected = patch["metadata"].get("resourceVersion", old["metadata"]["resourceVersion"])
        if expected != old["metadata"]["resourceVersion"]:
            raise errors.ConflictError(f"PATCH {path}: 409")
        self.version += 1
        new = patched(old, patch)
        new["metadata"]["resourceVersion"] = str(self.version)
        self.objects[plain] = new
        return {**new, "kind": "Scale"} if path.endswith("/scale") else new


def merged(old: Body, operations: list[Body]) -> Body:
    """The merge patch that these operations of a JSON patch are; RefusedError where one of their tests fails."""
    patch: Body = {"metadata": {}}
    for one in operations:
        part, _, rest = one["path"].removeprefix("/").partition("/")
        if one["op"] == "test":
            found: Any = old.get(part, {})
            for step in rest.split("/"):
                found = found[int(step)] if isinstance(found, list) else found.get(step)
            if found != one["value"]:
                raise errors.RefusedError(f"PATCH: 422 {one}")
        else:
            patch.setdefault(part, {})[rest] = one.get("value")
    return patch


def always(path: str, act: Callable[[], None]) -> Fault:
    """A fault that happens at each write of that path."""

    def fault(_method: str, written: str) -> None:
        if written == path:
            act()

    return fault


def at(path: str, act: Callable[[], None]) -> Fault:
    """A fault that happens once, at the first write of that path."""
    pending = [act]

    def fault(_method: str, written: str) -> None:
        if written == path and pending:
            pending.pop()()

    return fault


def failing(error: errors.OperatorError) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail
