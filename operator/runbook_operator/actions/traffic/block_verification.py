"""Verify a block by a request that must fail before the switch is Engaged."""

from typing import Annotated

from pydantic import Field

from runbook_operator.actions.plan_context import Body, PlanContext
from runbook_operator.actions.traffic.affected_neighbours import AT_THE_PODS
from runbook_operator.actions.traffic.traffic_target import TrafficTarget
from runbook_operator.core import service_addresses
from runbook_operator.core.desired_fields import DesiredField, Progress, Refused, Remark
from runbook_operator.core.model_base import ApiModel
from runbook_operator.core.queries import ProbeResult
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.service_ports import Port

Name = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
PATH = r"^/[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*$"
"""Characters allowed in a URL's path; any other character is written as %XX."""
UPSTREAM_GONE = frozenset({502, 503, 504})
"""Statuses by which a mesh proxy in front of the Service reports that it has no endpoints."""
DENIED = frozenset({403, 429, *range(500, 600)})
"""Statuses by which a gateway reports that a request does not reach the Service."""


class Verify(ApiModel):
    """A GET by the operator that must fail. It must succeed without the block, or its failure proves nothing."""

    path: Annotated[str, Field(max_length=1024, pattern=PATH)] = Field("/", description="The path to request.")
    service: Name | None = Field(
        None,
        description="Name of the Service in this namespace to send the request to, such as the gateway's. Default: the "
        "target's Service.",
    )
    port: Port = Field(
        "", description="Name or number of that Service's port. Default: the target's port, or else the first one."
    )


def verification_target(verify: Verify, context: PlanContext) -> tuple[Ref, str]:
    """Return the Service and the port to send the request to."""
    if verify.service is None:
        return context.service, verify.port or context.target.port
    return context.ref("v1", "Service", verify.service), verify.port


def check(verify: Verify, context: PlanContext) -> None:
    """Raise Refused if there is no Service or port to send the request to."""
    ref, port = verification_target(verify, context)
    spec = context.require(ref).body["spec"]
    if not (spec.get("selector") and service_addresses.has_address(spec)):
        text = (
            f"verify: {ref} has no address of its own with pods behind it, so the operator cannot send a request to it"
        )
        raise Refused(Reason.INVALID_SPEC, f"{text}; name another Service in verify.service, or remove verify")
    if service_addresses.port(spec, port) is None:
        raise Refused(Reason.INVALID_SPEC, f"verify: {ref} has no TCP port {port or 'at all'}; correct verify.port")


def outcome(verify: Verify, context: PlanContext, desired: DesiredField) -> Progress:
    """Return the progress of the block: done once the request fails."""
    ref, port = verification_target(verify, context)
    answer: ProbeResult = context.probe(ref, port, verify.path)
    if _is_blocked(answer, own=ref == context.service, istio=desired.ref.kind == "AuthorizationPolicy"):
        return Progress()
    how = f"still answers with {answer.status}" if answer.status else f"is not known to be blocked: {answer.why}"
    return Progress(False, f"{ref} {how}")


def unproven(verify: Verify, context: PlanContext) -> tuple[Remark, ...]:
    """Return a remark if the failed request proves nothing because no pod was ready to answer; raises NeedsRead."""
    if not {one.ref.kind for one in context.desired_fields} & AT_THE_PODS:
        return ()
    try:
        pods = TrafficTarget(context, context.require(context.service)).found_pods()
    except Refused:
        return ()
    if any(map(_is_ready, pods)):
        return ()
    made = ", ".join(sorted({str(one.ref) for one in context.desired_fields}))
    text = (
        f"{context.service} has no ready pod, so the failed request of verify proves nothing: {made} may not be "
        f"enforced. Once a pod is ready, request {verify.path} of {context.service} by hand"
    )
    return (Remark(Reason.UNVERIFIABLE, text),)


def _is_ready(pod: Body) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any((one.get("type"), one.get("status")) == ("Ready", "True") for one in conditions)


def _is_blocked(answer: ProbeResult, *, own: bool, istio: bool) -> bool:
    if answer.status is None:
        return answer.end == "Unreachable" or (istio and answer.end == "Closed")
    if own:
        return answer.status in UPSTREAM_GONE or (istio and answer.status in DENIED)
    return answer.status in DENIED
