"""pods: the number of a target's pods with a waiting container, or the number of container restarts."""

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
    UnreadableSpecError,
    named,
    require_ref,
)

Body = Mapping[str, Any]
Times = tuple[datetime, ...]
ContainerId = tuple[str, str]
"""The uid of a pod, and the name of a container in it."""
STARTING = frozenset({"ContainerCreating", "PodInitializing"})
"""Waiting reasons that every container has while it starts."""
OVER = frozenset({"Succeeded", "Failed"})
USUAL = timedelta(minutes=10)
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=1)
MOST_RESTARTS = 1000
"""Most restarts remembered per container; with its back-off a kubelet makes fewer in a day."""
WITHIN = "within must be from 1m to 1d"
FOR_RESTARTS = "within is only for measure Restarts"
FOR_WAITING = "reasons is only for measure Waiting"


class PodsNumberSpec(ApiModel):
    """The target, and what to count about its pods."""

    target: TargetName = Field(
        description="Name of an entry of spec.targets. The pods are those that its workload owns, or without a "
        "workload those that its service selects."
    )
    measure: Literal["Waiting", "Restarts"] = Field(
        description="Waiting: the number of pods with a container that waits for a reason other than its normal start, "
        "such as CrashLoopBackOff or ImagePullBackOff. Restarts: the number of container restarts in the last `within`."
    )
    reasons: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z]+$")]], Field(max_length=16)
    ] = Field(
        default_factory=list,
        description="For measure Waiting: the waiting reasons to count. Empty counts all but those of a normal start.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    within: Duration | None = Field(
        None, description="For measure Restarts: the time to count restarts over, from 1m to 1d. Default: 10m."
    )

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
    """Restarts of a container: the total that its pod reports, and the times of those within the window."""

    total: int
    at: Times


@dataclass(frozen=True)
class Remembered:
    """Restarts of every container as of one reading."""

    at: datetime
    counted: Mapping[ContainerId, Counted]


class PodsNumber(Source):
    """Counts the target's pods that have a waiting container, or the restarts of their containers."""

    kind = "pods"
    Spec = PodsNumberSpec
    rights = (
        Right("", "pods", ("list",)),
        Right("", "services", ("get",)),
        Right("apps", "replicasets", ("list",)),
        *WORKLOADS,
    )

    @staticmethod
    def request(spec: PodsNumberSpec, namespace: str, target: TargetRefs) -> AskPods:  # noqa: ARG004 # the base signature
        if not SHORTEST <= spec.window <= LONGEST:
            raise UnreadableSpecError("within", WITHIN)
        return AskPods(require_ref(target, target.workload or target.service, "workload and no service"))

    @staticmethod
    def number(spec: PodsNumberSpec, found: Found) -> Number:
        pods = [pod for pod in found.what if _counts(pod)]
        return _waiting(spec, pods) if spec.measure == "Waiting" else _restarts(spec, pods, found)

    @staticmethod
    def lookback(spec: PodsNumberSpec) -> timedelta:
        return spec.window if spec.measure == "Restarts" else NOWHERE


def _counts(pod: Body) -> bool:
    """True if the pod is meant to run: it is not being deleted, and has not completed, failed or been evicted."""
    return "deletionTimestamp" not in pod["metadata"] and (pod.get("status") or {}).get("phase") not in OVER


def _containers(pod: Body) -> Iterator[Body]:
    status = pod.get("status") or {}
    for part_of_it in ("initContainerStatuses", "containerStatuses"):
        yield from status.get(part_of_it) or ()


def _waiting(spec: PodsNumberSpec, pods: Sequence[Body]) -> Number:
    waiting = [f"{pod['metadata']['name']} ({reason})" for pod in pods if (reason := _reason(spec, pod))]
    return Number(float(len(waiting)), named(waiting))


def _reason(spec: PodsNumberSpec, pod: Body) -> str:
    """Return the first counted reason for which a container of the pod waits, empty if there is none."""
    reasons = ((((one.get("state") or {}).get("waiting") or {}).get("reason") or "") for one in _containers(pod))
    return next((one for one in reasons if one and (one in spec.reasons if spec.reasons else one not in STARTING)), "")


def _restarts(spec: PodsNumberSpec, pods: Sequence[Body], found: Found) -> Number:
    """Sum up the restarts in the window. A replaced pod takes its restarts with it, so a rollback lowers the number."""
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
    """Return the counts of the previous reading, empty if it was before the window began."""
    return before.counted if before and before.at >= since else {}


def _counted(pod: Body, container: Body, before: Counted | None, since: datetime, now: datetime) -> Counted:
    """Update a container's restart times from its restartCount and the end of its last run.

    With a previous reading, each additional restart gets the time of that end.
    """
    total = container.get("restartCount", 0)
    ended = _moment(((container.get("lastState") or {}).get("terminated") or {}).get("finishedAt"))
    if before is None:
        times = _known_at_first(datetime.fromisoformat(pod["metadata"]["creationTimestamp"]), ended, total, since)
    else:
        times = (*before.at, *(ended or now,) * min(total - before.total, MOST_RESTARTS))
    return Counted(total, tuple(min(one, now) for one in times if one > since)[-MOST_RESTARTS:])


def _known_at_first(created: datetime, ended: datetime | None, total: int, since: datetime) -> Times:
    """Estimate restart times at the first reading: of an old pod the last one, of a pod made in the window all."""
    if not total:
        return ()
    if created <= since:
        return (ended,) if ended else ()
    return (*(created,) * min(total - 1, MOST_RESTARTS), ended or created)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
