"""How far the controller of a workload is with its pod template, as the workload's status tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runbook_operator.model.seen import Seen

Body = Mapping[str, Any]
ROLLOUT = ("argoproj.io/v1alpha1", "Rollout")
DAEMON_SET = ("apps/v1", "DaemonSet")
STATEFUL_SET = ("apps/v1", "StatefulSet")
DEPLOYMENT = ("apps/v1", "Deployment")
KINDS = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET, ROLLOUT)
"""The kinds whose templates are kept as revisions."""
REPLICA_FAILURE = "ReplicaFailure"
"""The condition of a Deployment or a Rollout of which a ReplicaSet cannot make pods."""
OVERDUE = "ProgressDeadlineExceeded"


@dataclass(frozen=True)
class RollingOut:
    """Pods by how far they are. `observed` where the numbers are about the template that is live."""

    observed: bool
    desired: int
    updated: int
    available: int
    total: int
    overdue: bool = False

    @property
    def complete(self) -> bool:
        return self.observed and self.updated == self.available == self.total == self.desired

    def __str__(self) -> str:
        """In the words of a status; empty where there is nothing left to say."""
        if self.complete:
            return ""
        if not self.observed:
            return f"0 of {self.desired} updated"
        text = f"{min(self.updated, self.desired)} of {self.desired} updated{self._rest}"
        return f"{text}; spec.progressDeadlineSeconds is exceeded" if self.overdue else text

    @property
    def _rest(self) -> str:
        """What is left to do where every pod that should be is updated."""
        if self.updated < self.desired:
            return ""
        if self.available < self.desired:
            return f", {self.available} available"
        return f", {self.total - self.updated} old left"


def refusal_of_pods(seen: Seen) -> str:
    """Why the API server lets no pod of the workload be made, in its words; empty where it does not refuse any."""
    conditions = (seen.body.get("status") or {}).get("conditions") or ()
    failing = (one for one in conditions if (one.get("type"), one.get("status")) == (REPLICA_FAILURE, "True"))
    return next((str(one.get("message", "")) for one in failing), "")


def kind_of(seen: Seen) -> tuple[str, str]:
    return (seen.ref.api_version, seen.ref.kind)


def rolling_out(seen: Seen) -> RollingOut:
    """How far it is; asked only of the kinds above. What a status leaves out is 0."""
    status = seen.body.get("status") or {}
    if kind_of(seen) == DAEMON_SET:
        desired = status.get("desiredNumberScheduled", 0)
        counts = (status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0), desired)
    else:
        desired = seen.body["spec"].get("replicas", 1)
        counts = tuple(status.get(name, 0) for name in ("updatedReplicas", "availableReplicas", "replicas"))
    overdue = any(one.get("reason") == OVERDUE for one in status.get("conditions") or ())
    return RollingOut(is_observed(seen), desired, *counts, overdue)


def is_rolling_out(seen: Seen) -> bool:
    """Whether there still are pods of an older template; a rollout that is stuck is none any more."""
    far = rolling_out(seen)
    return far.total > far.updated and not far.overdue


def ready_pods(seen: Seen) -> int | None:
    """How many pods are ready; None of a kind of its own that does not count them."""
    ready = "numberReady" if kind_of(seen) == DAEMON_SET else "readyReplicas"
    count: int | None = (seen.body.get("status") or {}).get(ready, 0 if kind_of(seen) in KINDS else None)
    return count


def is_observed(seen: Seen) -> bool:
    """Whether its controller has taken up the last change of its spec; Argo Rollouts writes the number as a text."""
    observed = str((seen.body.get("status") or {}).get("observedGeneration", 0))
    return not observed.isdigit() or int(observed) >= seen.body["metadata"].get("generation", 0)


def is_updating(seen: Seen) -> bool:
    """Whether an Argo Rollout is on its way from its stable ReplicaSet to another; the first one has none before it."""
    status = seen.body.get("status") or {}
    stable = status.get("stableRS")
    return kind_of(seen) == ROLLOUT and bool(stable) and status.get("currentPodHash") != stable
