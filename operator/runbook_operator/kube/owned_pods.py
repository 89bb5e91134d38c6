"""Find the pods that a workload owns. Labels do not show that: a chart may label its migration Job in the same way.

A Deployment and an Argo Rollout own pods through ReplicaSets. A ReplicaSet never changes its owner, so each is looked
up once. If they may not be listed, a ReplicaSet is recognized by the name that its controller gives it.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.queries import Denied, Find
from runbook_operator.core.rollout_progress import DEPLOYMENT, KINDS, ROLLOUT, kind_of

Body = Mapping[str, Any]
List = Callable[[Find], Awaitable[tuple[Body, ...] | Denied]]
HASHED: Mapping[tuple[str, str], str] = {DEPLOYMENT: "pod-template-hash", ROLLOUT: "rollouts-pod-template-hash"}
"""The label of pods whose value is the end of their ReplicaSet's name."""
MOST = 10_000
"""Maximum number of ReplicaSets in the cache; beyond it the cache is cleared."""


@dataclass
class Owned:
    """A cache of the owners of ReplicaSets, by uid."""

    _owners: dict[str, str] = field(default_factory=dict)

    async def of(self, workload: ObservedObject, pods: tuple[Body, ...], ask: List) -> tuple[Body, ...]:
        """Return the pods that the workload owns; all of them for a kind whose ownership is not known."""
        kind = kind_of(workload)
        if kind not in KINDS:
            return pods
        if kind not in HASHED:
            return tuple(one for one in pods if _controller(one).get("uid") == workload.uid)
        sets = {owner["uid"] for one in pods if (owner := _controller(one)).get("kind") == "ReplicaSet"}
        is_known = not (sets - self._owners.keys()) or await self._learn(workload, ask)
        return tuple(one for one in pods if self._is_own(workload, one, is_known=is_known))

    async def _learn(self, workload: ObservedObject, ask: List) -> bool:
        """List the ReplicaSets of the namespace and cache their owners; return False if the right is missing."""
        found = await ask(Find("apps/v1", "ReplicaSet", workload.ref.namespace))
        if isinstance(found, Denied):
            return False
        if len(self._owners) > MOST:
            self._owners.clear()
        self._owners |= {one["metadata"]["uid"]: _controller(one).get("uid", "") for one in found}
        return True

    def _is_own(self, workload: ObservedObject, pod: Body, *, is_known: bool) -> bool:
        owner, label = _controller(pod), HASHED[kind_of(workload)]
        if is_known:
            return self._owners.get(owner.get("uid", "")) == workload.uid
        named = f"{workload.ref.name}-{(pod['metadata'].get('labels') or {}).get(label)}"
        return (owner.get("kind"), owner.get("name")) == ("ReplicaSet", named)


def _controller(body: Body) -> Body:
    owners: Iterable[Body] = body["metadata"].get("ownerReferences") or ()
    return next((one for one in owners if one.get("controller")), {})
