"""Policies on the fields of actions, for the campaign of admission."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.harness import Body
from tests.e2e.policies import Changing, to

LABEL = Changing(
    "deployments",
    to("/spec/template/metadata/labels/cost-center", "'4711'"),
    {"spec": {"template": {"metadata": {"labels": {"cost-center": "none"}}}}},
    ("spec", "template", "metadata", "labels", "cost-center"),
    "4711",
)

CONTAINER = ("spec", "template", "spec", "containers", 0)

BLOCKED = "runbooks.dev/blocked"

RESTARTED = "kubectl.kubernetes.io/restartedAt"

FLAGS: Body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"ai": "true"}}

SERVICE: Body = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]},
}

POD: Body = {"restartPolicy": "Never", "containers": [{"name": "job", "image": "runbooks.dev/demo-app:1.0"}]}

CRON_JOB: Body = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "web"},
    "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": {"spec": POD}}}},
}


def env(body: Body) -> Any:
    return body["spec"]["template"]["spec"]["containers"][0].get("env")


@dataclass(frozen=True)
class Case:
    """An action on an object, what of it is written, and what a policy does to that and to something beside it."""

    kind: str
    action: Body
    live: Callable[[Body], Any]
    changes: tuple[Changing, ...]
    beside: Changing
    objects: tuple[Body, ...] = ()
    targets: Body = field(default_factory=lambda: {"workload": {"name": "web"}})
    way: str = ""
    """The subresource by which the field is written."""


CASES = {
    "scale": Case(
        "deployment",
        {"scale": {"target": "web", "replicas": 0}},
        lambda body: body["spec"]["replicas"],
        (
            Changing(
                "deployments/scale", to("/spec/replicas", "7"), {"spec": {"replicas": 5}}, ("spec", "replicas"), 7
            ),
            Changing(
                "deployments/scale",
                f"object.spec.?replicas.orValue(0) == 0 ? {to('/spec/replicas', '1')} : []",
                {"spec": {"replicas": 0}},
                ("spec", "replicas"),
                1,
            ),
        ),
        LABEL,
        way="/scale",
    ),
    "setFlag env": Case(
        "deployment",
        {"setFlag": {"target": "web", "flag": "AI", "value": "false", "env": {}, "flagMustExist": False}},
        env,
        (
            Changing(
                "deployments",
                to("/spec/template/spec/containers/0/env", "[{'name': 'AI', 'value': 'policy'}]"),
                {"metadata": {"annotations": {"tried": "now"}}},
                (*CONTAINER, "env"),
                [{"name": "AI", "value": "policy"}],
            ),
        ),
        LABEL,
    ),
    "restart": Case(
        "deployment",
        {"restart": {"target": "web"}},
        lambda body: body["spec"]["replicas"],
        (
            Changing(
                "deployments",
                to("/spec/template/metadata/annotations", f"{{'{RESTARTED}': 'policy'}}"),
                {"metadata": {"annotations": {"tried": "now"}}},
                ("spec", "template", "metadata", "annotations", RESTARTED),
                "policy",
            ),
        ),
        LABEL,
    ),
    "setFlag": Case(
        "configmap",
        {"setFlag": {"target": "web", "flag": "ai", "value": "false"}},
        lambda body: body["data"]["ai"],
        (Changing("configmaps", to("/data/ai", "'policy'"), {"data": {"ai": "no"}}, ("data", "ai"), "policy", ""),),
        Changing("configmaps", to("/data/more", "'policy'"), {"data": {"more": "no"}}, ("data", "more"), "policy", ""),
        (FLAGS,),
        {"workload": {"name": "web"}, "flags": {"configMap": "web"}},
    ),
    "blockTraffic": Case(
        "service",
        {"blockTraffic": {"target": "web", "through": ["ServiceSelector"]}},
        lambda body: body["spec"]["selector"],
        (
            Changing(
                "services",
                to("/spec/selector/runbooks.dev~1blocked", "'policy'"),
                {"metadata": {"annotations": {"tried": "now"}}},
                ("spec", "selector", BLOCKED),
                "policy",
                "",
            ),
        ),
        Changing(
            "services",
            to("/spec/sessionAffinity", "'ClientIP'"),
            {"spec": {"sessionAffinity": "None"}},
            ("spec", "sessionAffinity"),
            "ClientIP",
            "",
        ),
        (SERVICE,),
        {"workload": {"name": "web"}, "service": {"name": "web", "port": "http"}},
    ),
    "suspend": Case(
        "cronjob",
        {"suspend": {"target": "web"}},
        lambda body: body["spec"]["suspend"],
        (
            Changing(
                "cronjobs",
                to("/spec/suspend", "false"),
                {"spec": {"suspend": True}},
                ("spec", "suspend"),
                as_=False,
                group="batch",
            ),
        ),
        Changing(
            "cronjobs",
            to("/spec/successfulJobsHistoryLimit", "1"),
            {"spec": {"successfulJobsHistoryLimit": 2}},
            ("spec", "successfulJobsHistoryLimit"),
            1,
            "batch",
        ),
        (CRON_JOB,),
        {"workload": {"apiVersion": "batch/v1", "kind": "CronJob", "name": "web"}},
    ),
}
