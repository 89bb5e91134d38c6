"""pods: how many of a target's pods wait for something, or how often their containers have restarted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from runbook_operator.core.durations import Duration, duration
from runbook_operator.core.model_base import ApiModel, Rule
from runbook_operator.core.monitors import AskPods
from runbook_operator.core.rbac_rules import Right
from runbook_operator.core.target_kinds import TargetRefs
from runbook_operator.sources.source_base import (
    NOWHERE,
    WORKLOADS,
    Found,
    Number,
    Source,
    TargetName,
    UnfitError,
    named,
    part,
)

Body = Mapping[str, Any]
Times = tuple[datetime, ...]
ContainerId = tuple[str, str]
"""The uid of a pod, and the name of a container in it."""
STARTING = frozenset({"ContainerCreating", "PodInitializing"})
"""What every container waits for when it begins."""
OVER = frozenset({"Succeeded", "Failed"})
USUAL = timedelta(minutes=10)
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=1)
MOST_RESTARTS = 1000
"""Of one container that are remembered; a kubelet that backs off does not come to more in a day."""
WITHIN = "within is from 1m to 1d"
FOR_RESTARTS = "within is for measure Restarts"
FOR_WAITING = "reasons is for measure Waiting"


class PodsNumberSpec(ApiModel):
    """Of which target, and what of them is counted."""

    target: TargetName = Field(
        description="The target in spec.targets: the pods that its workload owns, or those that its service selects."
    )
    measure: Literal["Waiting", "Restarts"] = Field(
        description="Waiting is how many pods have a container that waits and does not just begin: CrashLoopBackOff, "
        "ImagePullBackOff. Restarts is how often containers have restarted within a time."
    )
    reasons: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z]+$")]], Field(max_length=16)
    ] = Field(
        default_factory=list,
        description="For Waiting: the reasons that count; all of them where it is empty.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    within: Duration | None = Field(None, description="For Restarts: the time, from 1m to 1d; 10m where absent.")

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self.measure == 'Waiting' || !has(self.reasons) || self.reasons.size() == 0", FOR_WAITING),
        Rule("self.measure == 'Restarts' || !has(self.within)", FOR_RESTARTS),
    )

    @model_validator(mode="after")
    def _each_has_its_own(self) -> "PodsNumberSpec":
        if self.measure != "Waiting" and self.reasons:
            raise ValueError(FOR_WAITING)
        if self.measure != "Restarts" and self.within is not None:
            raise ValueError(FOR_RESTARTS)
        return self

    @property
    def window(self) -> timedelta:
        return USUAL if self.within is None else duration(self.within)


@dataclass(frozen=True)
class Counted:
    """The restarts of a container: how many its pod tells, and when those were that are still within the time."""

    total: int
    at: Times


@dataclass(frozen=True)
class Remembered:
    """The restarts of every container, as they were known at a reading."""

    at: datetime
    counted: Mapping[ContainerId, Counted]


class PodsNumber(Source):
    """How many of a target's pods wait for something that they do not get, or how often their containers restarted."""

    kind = "pods"
    Spec = PodsNumberSpec
    rights = (
        Right("", "pods", ("list",)),
        Right("", "services", ("get",)),
        Right("apps", "replicasets", ("list",)),
        *WORKLOADS,
    )

    @staticmethod
    def request(spec: PodsNumberSpec, namespace: str, target: TargetRefs) -> AskPods:  # noqa: ARG004 # target's own
        if not SHORTEST <= spec.window <= LONGEST:
            raise UnfitError("within", WITHIN)
        return AskPods(part(target, target.workload or target.service, "workload and no service"))

    @staticmethod
    def number(spec: PodsNumberSpec, found: Found) -> Number:
        pods = [pod for pod in found.what if _counts(pod)]
        return _waiting(spec, pods) if spec.measure == "Waiting" else _restarts(spec, pods, found)

    @staticmethod
    def lookback(spec: PodsNumberSpec) -> timedelta:
        return spec.window if spec.measure == "Restarts" else NOWHERE


def _counts(pod: Body) -> bool:
    """Whether the pod is there to run: not one that is being deleted, or has done its work or was evicted."""
    return "deletionTimestamp" not in pod["metadata"] and (pod.get("status") or {}).get("phase") not in OVER


def _containers(pod: Body) -> Iterator[Body]:
    status = pod.get("status") or {}
    for part_of_it in ("initContainerStatuses", "containerStatuses"):
        yield from status.get(part_of_it) or ()


def _waiting(spec: PodsNumberSpec, pods: Sequence[Body]) -> Number:
    waiting = [f"{pod['metadata']['name']} ({reason})" for pod in pods if (reason := _reason(spec, pod))]
    return Number(float(len(waiting)), named(waiting))


def _reason(spec: PodsNumberSpec, pod: Body) -> str:
    """The first reason for which one of its containers waits, empty for none that counts."""
    reasons = ((((one.get("state") or {}).get("waiting") or {}).get("reason") or "") for one in _containers(pod))
    return next((one for one in reasons if one and (one in spec.reasons if spec.reasons else one not in STARTING)), "")


def _restarts(spec: PodsNumberSpec, pods: Sequence[Body], found: Found) -> Number:
    """Those of a pod that was replaced are gone with it: the number falls when a rollback has helped."""
    since = found.now - spec.window
    before = _still_good(found.before, since)
    memory: dict[ContainerId, Counted] = {}
    restarts: dict[str, int] = {}
    for pod in pods:
        mine = {(pod["metadata"]["uid"], one["name"]): one for one in _containers(pod)}
        counted = {key: _counted(pod, one, before.get(key), since, found.now) for key, one in mine.items()}
        memory |= counted
        restarts[pod["metadata"]["name"]] = sum(len(one.at) for one in counted.values())
    most_first = sorted(restarts, key=lambda name: (-restarts[name], name))
    names = [f"{name} ({restarts[name]})" for name in most_first if restarts[name]]
    return Number(float(sum(restarts.values())), named(names), Remembered(found.now, memory))


def _still_good(before: Remembered | None, since: datetime) -> Mapping[ContainerId, Counted]:
    """What is known from the reading before, unless that was so long ago that not all since then is within the time."""
    return before.counted if before and before.at >= since else {}


def _counted(pod: Body, container: Body, before: Counted | None, since: datetime, now: datetime) -> Counted:
    """A pod tells how often a container has restarted, and when it ended last; between two readings all is known."""
    total = container.get("restartCount", 0)
    ended = _moment(((container.get("lastState") or {}).get("terminated") or {}).get("finishedAt"))
    if before is None:
        times = _known_at_first(datetime.fromisoformat(pod["metadata"]["creationTimestamp"]), ended, total, since)
    else:
        times = (*before.at, *(ended or now,) * min(total - before.total, MOST_RESTARTS))
    return Counted(total, tuple(min(one, now) for one in times if one > since)[-MOST_RESTARTS:])


def _known_at_first(created: datetime, ended: datetime | None, total: int, since: datetime) -> Times:
    """Before the first reading: of an old pod the last restart, if any; of one that was made within the time, all."""
    if not total:
        return ()
    if created <= since:
        return (ended,) if ended else ()
    return (*(created,) * min(total - 1, MOST_RESTARTS), ended or created)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
