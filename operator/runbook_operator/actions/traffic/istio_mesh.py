"""Decide if the pods behind a Service are in the Istio mesh, by the pods, or without pods by a declaration.

A Service without pods is no evidence: an Istio object on pods outside the mesh blocks nothing.
"""

from collections.abc import Mapping

from runbook_operator.actions.plan_context import Body
from runbook_operator.actions.traffic.traffic_target import TrafficTarget, not_applicable
from runbook_operator.core import field_paths
from runbook_operator.core.desired_fields import Remark
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.queries import read_together
from runbook_operator.core.rbac_rules import Right
from runbook_operator.core.reasons import Reason

RIGHTS = (
    Right("", "namespaces", ("get",), optional=True),
    *(Right("apps", f"{kind.lower()}s", ("get",), of=(kind,), optional=True) for kind in ("Deployment", "StatefulSet")),
)
SIDECAR = "sidecar.istio.io/status"
AMBIENT = "ambient.istio.io/redirection"
INJECT = "sidecar.istio.io/inject"
INJECTION = "istio-injection"
REVISION = "istio.io/rev"
MODE = "istio.io/dataplane-mode"
PROXY = "istio-proxy"


def in_mesh(traffic_target: TrafficTarget, *marks: str) -> list[Remark]:
    """Raise Refused if no pod is, or would be, in the mesh; return a remark if only some pods are."""
    pods = traffic_target.found_pods()
    if not pods:
        _expected(traffic_target, marks)
        return []
    outside = [one for one in pods if not set(marks) & set(one["metadata"].get("annotations") or {})]
    if not outside:
        return []
    if len(outside) == len(pods):
        raise not_applicable(
            f"no pod of {traffic_target.ref} is in the mesh: none has the annotation {' or '.join(marks)}"
        )
    text = (
        f"{len(outside)} of {len(pods)} pods of {traffic_target.ref} are not in the mesh, so Istio does "
        "not stop their traffic"
    )
    return [Remark(Reason.TRAFFIC_BYPASS, text)]


def _expected(traffic_target: TrafficTarget, marks: tuple[str, ...]) -> None:
    """Raise Refused unless the workload's pod template or the Namespace declares that pods join the mesh."""
    context, ambient = traffic_target.context, AMBIENT in marks
    namespace = context.ref("v1", "Namespace", context.namespace)
    looks = [lambda: context.observed(namespace, True)]
    if context.target.workload is not None:
        looks.append(lambda: context.observed(context.workload, True))
    space, *workloads = read_together(*looks)
    template = (
        next((field_paths.get(one.body, "spec.template") for one in workloads if isinstance(one, ObservedObject)), None)
        or {}
    )
    labels = (space.body["metadata"].get("labels") or {}) if isinstance(space, ObservedObject) else {}
    if not _declared(template, labels, marks, ambient=ambient):
        unknown = f"; {space.message}" if isinstance(space, Missing) else ""
        raise not_applicable(
            f"{traffic_target.ref} has no pods now, and nothing declares that new ones join the mesh: the pod template "
            f"of the target's workload has no {INJECT}, {REVISION} or container {PROXY}, and "
            f"Namespace/{context.namespace} has no label {INJECTION} or {REVISION}{unknown}"
        )


def _declared(template: Body, namespace: Mapping[str, str], marks: tuple[str, ...], *, ambient: bool) -> bool:
    meta, spec = template.get("metadata") or {}, template.get("spec") or {}
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    if ambient and "ambient" in (labels.get(MODE), namespace.get(MODE) if MODE not in labels else None):
        return True
    containers = (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    if set(marks) & set(annotations) or any(one["name"] == PROXY for one in containers):
        return True
    wish = labels.get(INJECT, annotations.get(INJECT))
    if wish is not None or REVISION in labels:
        return wish != "false"
    return namespace.get(INJECTION) == "enabled" or (INJECTION not in namespace and REVISION in namespace)
