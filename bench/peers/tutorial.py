"""The peer in Python: a switch operator as a kopf tutorial writes it; `kopf run --standalone tutorial.py`.

A handler of the field and a timer, both plain functions, kopf's settings as they are, and the Kubernetes client. It
does the whole of a switch: a record in the status before the effect, the effect, the restore from the record, what was
thrown while it was away, and, by the timer, a target that somebody else changed. It leaves out what the operator does
beside that: a second replica and its lease, Runbooks, every action but scale, holds by metrics, checks and other
switches, autoscalers and GitOps tools that fight, a precondition on each write, Events of its own, notices, an audit
log, a history, and service accounts per Runbook.
"""

import datetime as dt
import uuid
from typing import Any

import kopf
from kubernetes import client, config

GROUP, VERSION, PLURAL = "runbooks.dev", "v1alpha1", "switches"
HELD = 0


@kopf.on.startup()
def connect(**_: Any) -> None:
    config.load_kube_config()


@kopf.on.field(GROUP, VERSION, PLURAL, field="spec.engaged")
def lever(name: str, namespace: str | None, spec: kopf.Spec, status: kopf.Status, **_: Any) -> None:
    """Somebody moved it: engage, or give back what the record says."""
    record = status.get("record")
    if spec.get("engaged"):
        if not record:
            write(name, namespace, {"phase": "Engaging", "record": recorded(spec["runbook"], namespace)})
        scale(spec["runbook"], namespace, HELD)
        write(name, namespace, {"phase": "Engaged"})
    elif record:
        scale(spec["runbook"], namespace, record["actions"][0]["saved"])
        write(name, namespace, {"phase": "Released", "record": None})


@kopf.timer(GROUP, VERSION, PLURAL, interval=30)
def hold(namespace: str | None, spec: kopf.Spec, status: kopf.Status, **_: Any) -> None:
    """What is engaged stays as it is held."""
    if spec.get("engaged") and status.get("phase") == "Engaged" and replicas_of(spec["runbook"], namespace) != HELD:
        scale(spec["runbook"], namespace, HELD)


def recorded(target: str, namespace: str | None) -> dict[str, Any]:
    deployment = client.AppsV1Api().read_namespaced_deployment(target, namespace)
    action = {
        "action": "scale",
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": target,
        "uid": deployment.metadata.uid,
        "saved": deployment.spec.replicas,
        "held": HELD,
    }
    began = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")  # noqa: TID251 # not the operator's clock
    return {"engagementId": str(uuid.uuid4()), "engagedAt": began, "actions": [action]}


def replicas_of(target: str, namespace: str | None) -> int:
    # A Scale leaves out a zero.
    return int(client.AppsV1Api().read_namespaced_deployment_scale(target, namespace).spec.replicas or 0)


def scale(target: str, namespace: str | None, replicas: int) -> None:
    client.AppsV1Api().patch_namespaced_deployment_scale(target, namespace, {"spec": {"replicas": replicas}})


def write(name: str, namespace: str | None, status: dict[str, Any]) -> None:
    client.CustomObjectsApi().patch_namespaced_custom_object_status(
        GROUP, VERSION, namespace, PLURAL, name, {"status": status}
    )
