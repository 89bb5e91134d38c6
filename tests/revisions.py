"""Workloads with the revisions that the cluster keeps of them, and the part of their controllers that renumbers those.

What `roll_out` leaves out (pods, and all that takes time) the e2e tests have from the real controllers.
"""

from copy import deepcopy
from dataclasses import replace
from typing import Any

from runbook_operator.api.conditions import timestamp
from runbook_operator.api.deployment_guard_spec import GoodRevision, JudgedRevision
from runbook_operator.api.runbook import RunbookStatus, TargetStatus
from runbook_operator.core.pod_templates import digest, revisions
from runbook_operator.core.references import Ref
from tests.builders import NAMESPACE, NOW, WEB, Body, Simulation

NUMBER = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
STS = Ref("apps/v1", "StatefulSet", NAMESPACE, "web")
DS = Ref("apps/v1", "DaemonSet", NAMESPACE, "web")
ARGO = Ref("argoproj.io/v1alpha1", "Rollout", NAMESPACE, "web")
UID = "web-1"
VOLUMES: list[Body] = [
    {"name": "config", "configMap": {"name": "config"}},
    {"name": "credentials", "secret": {"secretName": "credentials"}},
]


def template(version: object, **spec: Any) -> Body:
    """A pod template that differs by its VERSION."""
    container = {"name": "app", "image": "app", "env": [{"name": "VERSION", "value": str(version)}]}
    containers = [container | spec.pop("container", {})]
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers, **spec}}


def workload(version: object, number: int = 0, *, ref: Ref = WEB, status: Body | None = None, **spec: Any) -> Body:
    """The workload `web` with that template; a Deployment and a Rollout say which number it has."""
    annotation = "rollout.argoproj.io/revision" if ref == ARGO else NUMBER
    return {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": {
            "name": ref.name,
            "namespace": NAMESPACE,
            "uid": UID,
            "resourceVersion": "1",
            "annotations": {"team": "shop"} | ({annotation: str(number)} if number else {}),
        },
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template(version) if not isinstance(version, dict) else version,
            **spec,
        },
        "status": status or {},
    }


def kept(version: object, number: int, *before: int, ref: Ref = WEB, **annotations: str) -> Body:
    """What the cluster keeps of a revision of that workload."""
    body = template(version) if not isinstance(version, dict) else deepcopy(version)
    owner = {"kind": ref.kind, "name": ref.name, "uid": UID, "controller": True}
    name = f"web-{digest(body)[:6]}"
    meta: Body = {"name": name, "ownerReferences": [owner]}
    if ref in (STS, DS):
        data = {"spec": {"template": {"$patch": "replace", **body}}}
        revision = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": meta, "data": data}
        return revision | {"revision": number}
    prefix = "rollout.argoproj.io" if ref == ARGO else "deployment.kubernetes.io"
    hashed = "rollouts-pod-template-hash" if ref == ARGO else "pod-template-hash"
    numbers = {f"{prefix}/revision": str(number)}
    if before:
        numbers[f"{prefix}/revision-history"] = ",".join(map(str, before))
    body["metadata"] = {**body["metadata"], "creationTimestamp": None}
    body["metadata"]["labels"] = {**body["metadata"]["labels"], hashed: name}
    meta["annotations"] = numbers | annotations
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta, "spec": {"template": body}}


def mounted() -> tuple[Body, ...]:
    """What the volumes are of."""
    return tuple(
        {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "data": {}}
        for kind, name in (("ConfigMap", "config"), ("Secret", "credentials"))
    )


def pod(name: str, revision: Body, *, ready: bool, **meta: Any) -> Body:
    """A pod of the StatefulSet `web` at that revision."""
    labels = {"app": "web", "controller-revision-hash": revision["metadata"]["name"]}
    status = {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}
    meta = {"name": name, "labels": labels, "ownerReferences": [{"kind": "StatefulSet", "uid": UID}]} | meta
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": status}


def knows(simulation: Simulation, *good: GoodRevision | int, bad: tuple[int, ...] = (), uid: str = UID) -> Simulation:
    """The operator has seen these revisions working, and those fail."""
    (ref,) = simulation.store.runbooks
    found = [one if isinstance(one, GoodRevision) else GoodRevision(revision=one) for one in good]
    failed = [JudgedRevision(revision=one, verdict="Bad", since=timestamp(NOW)) for one in bad]
    target = TargetStatus(name="web", found=True, uid=uid, good=found, verdicts=failed)
    status = RunbookStatus(targets=[target])
    simulation.store.runbooks[ref] = replace(simulation.store.runbooks[ref], status=status)
    return simulation


def roll_out(simulation: Simulation, ref: Ref = WEB) -> Simulation:
    """The workload's controller takes up the template: the revision that has it gets the next number."""
    body = simulation.objects[ref]
    keepers = [one for one in simulation.objects.values() if one["kind"] in ("ReplicaSet", "ControllerRevision")]
    now = revisions(UID, keepers)
    live = next((one for one in now if one.digest == digest(body["spec"]["template"])), None)
    number = now[0].number if live is now[0] else now[0].number + 1
    before = [*sorted(live.before), live.number] if live and live is not now[0] else []
    new = kept(body["spec"]["template"], number, *before, ref=ref)
    new["metadata"]["name"] = live.keeper if live else new["metadata"]["name"]
    simulation.with_object(new)
    if ref == WEB:
        simulation.change(ref, {"metadata": {"annotations": {NUMBER: str(number)}}}, "kube-controller-manager")
    return simulation


def version(simulation: Simulation, ref: Ref = WEB) -> str:
    """Which template is live."""
    container = simulation.objects[ref]["spec"]["template"]["spec"]["containers"][0]
    return str(container["env"][0]["value"])
