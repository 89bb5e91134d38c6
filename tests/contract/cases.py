"""One case for each action: a spec, and the objects that it is planned on. An action without one fails its contract."""

from dataclasses import dataclass, field
from typing import Any

from tests import revisions, scaling, traffic
from tests.builders import Body, workload_body

TARGETS: list[Body] = [{"name": "web", "workload": {"name": "web"}}]
FLAGGED: list[Body] = [{"name": "web", "workload": {"name": "web"}, "flags": {"configMap": "flags"}}]
FLAGS: Body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"}, "data": {"ai": "true"}}
PRIMARY: list[Body] = [{"name": "primary", "role": "Primary On-Call"}]
SCHEDULED: list[Body] = [
    {"name": "nightly", "workload": {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly"}}
]
CRON_JOB: Body = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "nightly"},
    "spec": {"suspend": False, "jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "job"}]}}}}},
}


@dataclass(frozen=True)
class Case:
    """`spec` as a user writes it below the action's name; `targets` of the Runbook; what the cluster has."""

    spec: Body
    objects: tuple[Body, ...] = (workload_body(3),)
    targets: list[Body] = field(default_factory=lambda: TARGETS)
    contacts: list[Body] = field(default_factory=list)


CASES: dict[str, Case] = {
    "scale": Case(
        {"target": "web", "replicas": 2},
        (workload_body(3), scaling.hpa(), scaling.scaled_object(annotations={"team": "shop"})),
    ),
    "blockTraffic": Case({"target": "web"}, (workload_body(3), traffic.service()), [traffic.TARGET]),
    "rateLimit": Case(
        {"target": "web", "requests": 10, "per": "Second"},
        (workload_body(3), traffic.service(), traffic.http_route()),
        [traffic.TARGET],
    ),
    "setFlag": Case(
        {"target": "web", "flag": "ai", "value": "false", "restart": True},
        (workload_body(3, template={"metadata": {"annotations": {"team": "shop"}}}), FLAGS),
        FLAGGED,
    ),
    "restart": Case({"target": "web"}),
    "rollback": Case(
        {"target": "web", "deleteBrokenPods": True},
        (
            revisions.workload("bad", ref=revisions.STS),
            revisions.kept(revisions.template("good", volumes=revisions.VOLUMES), 1, ref=revisions.STS),
            revisions.kept("bad", 2, ref=revisions.STS),
            *revisions.mounted(),
            revisions.pod("web-2", revisions.kept("bad", 2, ref=revisions.STS), ready=False),
        ),
        [{"name": "web", "workload": {"kind": "StatefulSet", "name": "web"}}],
    ),
    "suspend": Case({"target": "nightly"}, (CRON_JOB,), SCHEDULED),
    "runJob": Case({"fromCronJob": "nightly", "wait": False}, (CRON_JOB,), SCHEDULED),
    "notify": Case({"contact": "primary", "message": "The shop is off."}, contacts=PRIMARY),
}


def entry(kind: str, **rest: Any) -> Body:
    """A kill switch with this one action."""
    return {"name": "stop", "actions": [{kind: CASES[kind].spec}]} | rest
