"""blockTraffic: block all requests to the target's Service."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from runbook_operator.actions.action_base import Action, ActionSpec, Plan
from runbook_operator.actions.action_rights import Right, needed
from runbook_operator.actions.plan_context import PlanContext
from runbook_operator.actions.traffic import (
    affected_neighbours,
    envoy_gateway,
    http_route,
    ingress,
    istio,
    kong,
    network_policy,
    policy_acceptance,
    service_selector,
    traefik,
)
from runbook_operator.actions.traffic.block_verification import Verify, check, outcome, unproven
from runbook_operator.actions.traffic.traffic_target import MechanismPlan, first, traffic_target
from runbook_operator.core.desired_fields import DesiredField, Progress, Remark
from runbook_operator.core.model_base import Rule
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.queries import read_together
from runbook_operator.core.target_kinds import TargetRefs

Mechanism = Literal[
    "ServiceSelector", "HTTPRoute", "EnvoyGateway", "Istio", "Traefik", "Kong", "Ingress", "NetworkPolicy"
]
MECHANISMS: Mapping[str, MechanismPlan] = {
    "ServiceSelector": service_selector.block,
    "HTTPRoute": http_route.block,
    "EnvoyGateway": envoy_gateway.block,
    "Istio": istio.block,
    "Traefik": traefik.block,
    "Kong": kong.block,
    "Ingress": ingress.block,
    "NetworkPolicy": network_policy.block,
}
RIGHTS: Mapping[str, tuple[Right, ...]] = {
    "ServiceSelector": service_selector.RIGHTS,
    "HTTPRoute": http_route.RIGHTS,
    "EnvoyGateway": envoy_gateway.RIGHTS,
    "Istio": istio.RIGHTS,
    "Traefik": traefik.RIGHTS,
    "Kong": kong.RIGHTS,
    "Ingress": ingress.RIGHTS,
    "NetworkPolicy": network_policy.RIGHTS,
}
DIRECT = ("ServiceSelector", "Istio", "NetworkPolicy")
"""Mechanisms that also block the operator's own request to the Service; that request bypasses gateways."""
UNVERIFIED = (
    "through: NetworkPolicy needs verify: many clusters do not enforce a NetworkPolicy, and only a request shows it"
)
ROUND = (
    "verify.service: name the gateway's Service, where through has a gateway mechanism; a request to the "
    "target's own Service bypasses the gateway"
)


class BlockTrafficSpec(ActionSpec):
    """The target to block, the mechanisms that may do it, and how to verify the block."""

    through: Annotated[list[Mechanism], Field(min_length=1, max_length=8)] = Field(
        ["ServiceSelector"],
        description="The mechanisms to try, in order; the first one that is installed and applicable is used. "
        "ServiceSelector removes the Service's endpoints and works in every cluster; open connections go on until they "
        "close. A gateway or mesh is used only on evidence, and its conditions are waited for, as with rateLimit.",
    )
    verify: Verify | None = Field(None, description="A request that must fail before the switch is Engaged.")

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.verify) || !has(self.through) || !self.through.exists(t, t == 'NetworkPolicy')", UNVERIFIED),
        Rule(
            "!has(self.verify) || has(self.verify.service) || !has(self.through) || "
            f"self.through.all(t, t in {list(DIRECT)})",
            ROUND,
        ),
    )

    @model_validator(mode="after")
    def _verifiable(self) -> "BlockTrafficSpec":
        if self.verify is None and "NetworkPolicy" in self.through:
            raise ValueError(UNVERIFIED)
        if self.verify and self.verify.service is None and not set(self.through) <= set(DIRECT):
            raise ValueError(ROUND)
        return self


def _unproven(spec: BlockTrafficSpec, context: PlanContext) -> tuple[Remark, ...]:
    """Return a remark if the block was written and it is not known whether it is in force."""
    if context.desired_fields and service_selector.is_block(context.desired_fields[0]):
        return service_selector.needed(context) if spec.verify is None else ()
    return unproven(spec.verify, context) if spec.verify else ()


class BlockTraffic(Action):
    """Blocks all traffic to the target's Service, and holds the block."""

    kind = "blockTraffic"
    Spec = BlockTrafficSpec
    reverts = "Created objects are deleted, and changed fields get their former values."
    rights = (*(right for ways in RIGHTS.values() for right in ways), *affected_neighbours.RIGHTS)

    @staticmethod
    def plan(spec: BlockTrafficSpec, context: PlanContext) -> Plan:
        where = traffic_target(context)
        if spec.verify is not None:
            check(spec.verify, context)
        plan = first(spec.through, MECHANISMS, where)
        return tuple(one for one in plan if spec.verify is None or not policy_acceptance.is_by_hand(one))

    @classmethod
    def needs(cls, spec: BlockTrafficSpec, target: TargetRefs) -> tuple[Right, ...]:
        return needed((right for way in spec.through for right in RIGHTS[way]), target)

    @staticmethod
    def describe(spec: Any) -> str:
        return f"block traffic to {spec.target}"

    @staticmethod
    def afterwards(spec: BlockTrafficSpec, context: PlanContext) -> tuple[Remark, ...]:
        beside, proof = read_together(lambda: affected_neighbours.remarks(context), lambda: _unproven(spec, context))
        return (*proof, *beside)

    @staticmethod
    def progress(
        spec: BlockTrafficSpec, context: PlanContext, desired: DesiredField, observed: ObservedObject | Missing
    ) -> Progress:
        """Verify the block at the last written object, since it is not complete before.

        A failed request proves more than a condition; a condition explains why a request did not fail.
        """
        far = policy_acceptance.outcome(context, desired)
        if spec.verify is None and service_selector.is_block(desired):
            return service_selector.emptied(context, desired.ref)
        return (
            outcome(spec.verify, context, desired)
            if spec.verify and desired == context.desired_fields[-1] and not far.failed
            else far
        )
