"""rateLimit: limit the rate of requests to the target's Service."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from runbook_operator.actions.action_base import Action, Plan
from runbook_operator.actions.action_rights import Right, needed
from runbook_operator.actions.plan_context import PlanContext
from runbook_operator.actions.traffic import affected_neighbours, envoy_gateway, ingress, istio, kong, traefik
from runbook_operator.actions.traffic.policy_acceptance import outcome
from runbook_operator.actions.traffic.request_limits import Limit, Rate
from runbook_operator.actions.traffic.traffic_target import MechanismPlan, first, traffic_target
from runbook_operator.core.desired_fields import DesiredField, Progress, Remark
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.target_kinds import TargetRefs

Mechanism = Literal["EnvoyGateway", "Traefik", "Kong", "Istio", "Ingress"]
LIMITS: Mapping[str, Limit] = {
    "EnvoyGateway": envoy_gateway.limit,
    "Traefik": traefik.limit,
    "Kong": kong.limit,
    "Istio": istio.limit,
    "Ingress": ingress.limit,
}


RIGHTS: Mapping[str, tuple[Right, ...]] = {
    "EnvoyGateway": envoy_gateway.RIGHTS,
    "Traefik": traefik.RIGHTS,
    "Kong": kong.RIGHTS,
    "Istio": istio.RIGHTS,
    "Ingress": ingress.RIGHTS,
}


class RateLimitSpec(Rate):
    """The rate of requests to allow, and the mechanisms that may enforce it."""

    through: Annotated[list[Mechanism], Field(min_length=1, max_length=5)] = Field(
        ["EnvoyGateway", "Traefik", "Kong", "Istio", "Ingress"],
        description="The mechanisms to try, in order; the first one that is installed and applicable is used. A "
        "mechanism is applicable on evidence: a route that a Gateway controller has accepted, an Ingress whose class "
        "or annotations name its controller, or pods in the mesh (without pods, a pod template or Namespace that puts "
        "them there). For kinds with conditions (HTTPRoute, BackendTrafficPolicy, KongPlugin) the switch is Engaged "
        "only once these report success, and Stalled on a refusal or without a report within the timeout. For other "
        "kinds an Event names a check to do by hand.",
    )


class RateLimit(Action):
    """Limits the rate of requests to the target's Service, and holds the limit."""

    kind = "rateLimit"
    Spec = RateLimitSpec
    reverts = "Created objects are deleted, and changed fields get their former values."
    rights = (*(right for ways in RIGHTS.values() for right in ways), *affected_neighbours.RIGHTS)

    @staticmethod
    def plan(spec: RateLimitSpec, context: PlanContext) -> Plan:
        where = traffic_target(context)
        return first(spec.through, {name: _mechanism(limit, spec) for name, limit in LIMITS.items()}, where)

    @classmethod
    def needs(cls, spec: RateLimitSpec, target: TargetRefs) -> tuple[Right, ...]:
        return needed((right for way in spec.through for right in RIGHTS[way]), target)

    @staticmethod
    def describe(spec: Any) -> str:
        return f"rate limit {spec.target} to {spec.requests} per {spec.per}"

    @staticmethod
    def afterwards(spec: RateLimitSpec, context: PlanContext) -> tuple[Remark, ...]:
        return affected_neighbours.remarks(context)

    @staticmethod
    def progress(
        spec: RateLimitSpec, context: PlanContext, desired: DesiredField, observed: ObservedObject | Missing
    ) -> Progress:
        return outcome(context, desired)


def _mechanism(limit: Limit, rate: Rate) -> MechanismPlan:
    return lambda traffic_target: limit(traffic_target, rate)
