"""Objects and pods that numbers are read from. Left out: watches, writes and pages."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from tests.builders import Body


@dataclass
class Cluster(Kube):
    """See above. `faults` are raised for the paths that end with the key."""

    objects: dict[str, Body] = field(default_factory=dict)
    pods: list[Body] = field(default_factory=list)
    sets: list[Body] = field(default_factory=list)
    faults: dict[str, errors.ApiError] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def request(self, method: str, path: str, **rest: Any) -> Body:
        query = rest.get("query") or {}
        self.asked.append((path, query.get("labelSelector", "")))
        assert method == "GET"
        await asyncio.sleep(0)
        for end, fault in self.faults.items():
            if path.endswith(end):
                raise fault
        if path.endswith("/pods"):
            return {"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": self.pods}
        if path.endswith("/replicasets"):
            return {"apiVersion": "apps/v1", "kind": "ReplicaSetList", "metadata": {}, "items": self.sets}
        if path not in self.objects:
            raise errors.NotFoundError(f"GET {path}")
        return self.objects[path]
