"""Read from a workload's status how many pods its controller has moved to the live pod template."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from runbook_operator.core.observed_object import OVERDUE, ObservedObject

Body = Mapping[str, Any]
ROLLOUT = ("argoproj.io/v1alpha1", "Rollout")
DAEMON_SET = ("apps/v1", "DaemonSet")
STATEFUL_SET = ("apps/v1", "StatefulSet")
DEPLOYMENT = ("apps/v1", "Deployment")
KINDS = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET, ROLLOUT)
"""The kinds whose templates the cluster keeps as revisions."""
REPLICA_FAILURE = "ReplicaFailure"
"""The condition of a Deployment or a Rollout whose ReplicaSet cannot create pods."""
ROLLED_OUT_BY = timedelta(minutes=10)
"""Maximum time that a rollout blocks automatic engagements: the default progress deadline of Kubernetes."""


@dataclass(frozen=True)
class RollingOut:
    """Numbers of pods in a rollout. `is_status_current` is True if they are about the live template.

    `kept` counts the pods that the strategy leaves at an older template: those below a partition, all with OnDelete.
    """

    is_status_current: bool
    desired: int
    updated: int
    available: int
    total: int
    overdue: bool = False
    kept: int = 0

    @property
    def complete(self) -> bool:
        """True if the rollout has done all that its update strategy allows."""
        return self.is_status_current and self.available == self.total == self.desired and self.old <= self.kept

    @property
    def old(self) -> int:
        """The number of pods of an older template."""
        return max(0, self.total - self.updated)

    @property
    def working(self) -> int:
        """The minimum number of available pods of the new template, as if all older pods were available."""
        return max(0, min(self.updated, self.available - self.old))

    def __str__(self) -> str:
        """Return the progress as text for a status; empty if the rollout is complete."""
        if self.complete:
            return ""
        if not self.is_status_current:
            return f"0 of {self.desired} updated"
        text = f"{min(self.updated, self.desired)} of {self.desired} updated{self._rest}"
        return f"{text}; spec.progressDeadlineSeconds is exceeded" if self.overdue else text

    @property
    def _rest(self) -> str:
        """The work that is left, as text, once all pods are updated that the strategy updates."""
        if self.updated < self.desired - self.kept:
            return ""
        if self.available < self.desired:
            return f", {self.available} available"
        return f", {self.old} old left"


def refusal_of_pods(observed: ObservedObject) -> str:
    """Return the API server's message that refuses the workload's pods; empty if there is none."""
    conditions = (observed.body.get("status") or {}).get("conditions") or ()
    failing = (one for one in conditions if (one.get("type"), one.get("status")) == (REPLICA_FAILURE, "True"))
    return next((str(one.get("message", "")) for one in failing), "")


def kind_of(observed: ObservedObject) -> tuple[str, str]:
    return (observed.ref.api_version, observed.ref.kind)


def rolling_out(observed: ObservedObject) -> RollingOut:
    """Return the progress of a workload of one of KINDS. A number that its status leaves out is 0."""
    status = observed.body.get("status") or {}
    if kind_of(observed) == DAEMON_SET:
        desired = status.get("desiredNumberScheduled", 0)
        counts = (status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0), desired)
    else:
        desired = observed.body["spec"].get("replicas", 1)
        counts = tuple(status.get(name, 0) for name in ("updatedReplicas", "availableReplicas", "replicas"))
    overdue = any(one.get("reason") == OVERDUE for one in status.get("conditions") or ())
    return RollingOut(is_observed(observed), desired, *counts, overdue, _left_at_older_template(observed, desired))


def is_rolling_out(observed: ObservedObject) -> bool:
    """True if pods of an older template are still to be replaced, and the rollout is not stuck."""
    far = rolling_out(observed)
    return far.old > far.kept and not far.overdue


def may_stand_still(observed: ObservedObject) -> bool:
    """True if the update strategy allows that no pod is available during the rollout."""
    if kind_of(observed) == ROLLOUT:
        return False
    desired = rolling_out(observed).desired
    strategy = observed.body["spec"].get("strategy" if kind_of(observed) == DEPLOYMENT else "updateStrategy") or {}
    if strategy.get("type") == "Recreate":
        return True
    usual = "25%" if kind_of(observed) == DEPLOYMENT else 1
    return _share((strategy.get("rollingUpdate") or {}).get("maxUnavailable", usual), desired) >= desired


def _left_at_older_template(observed: ObservedObject, desired: int) -> int:
    """Return how many pods the strategy leaves at an older template until a person deletes them or moves the bound."""
    strategy = observed.body["spec"].get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return desired
    return min(desired, int((strategy.get("rollingUpdate") or {}).get("partition") or 0))


def _share(amount: int | str, desired: int) -> int:
    """Return a number of pods, or a percentage of them, rounded down as controllers do."""
    return desired * int(amount.rstrip("%")) // 100 if isinstance(amount, str) else amount


def ready_pods(observed: ObservedObject) -> int | None:
    """Return how many pods are ready; None for a custom kind that does not count them."""
    ready = "numberReady" if kind_of(observed) == DAEMON_SET else "readyReplicas"
    count: int | None = (observed.body.get("status") or {}).get(ready, 0 if kind_of(observed) in KINDS else None)
    return count


def is_observed(observed: ObservedObject) -> bool:
    """True if the status is about the current generation; Argo Rollouts writes observedGeneration as text."""
    is_status_current = str((observed.body.get("status") or {}).get("observedGeneration", 0))
    return not is_status_current.isdigit() or int(is_status_current) >= observed.body["metadata"].get("generation", 0)


def is_updating(observed: ObservedObject) -> bool:
    """True if an Argo Rollout is moving from its stable ReplicaSet to another; False while there is no stable one."""
    status = observed.body.get("status") or {}
    stable = status.get("stableRS")
    return kind_of(observed) == ROLLOUT and bool(stable) and status.get("currentPodHash") != stable
