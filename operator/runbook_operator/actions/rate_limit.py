"""rateLimit: only so many requests reach the target's Service."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from runbook_operator.actions.base import Action, Plan
from runbook_operator.actions.rights import Right, needed
from runbook_operator.actions.scene import Scene
from runbook_operator.actions.traffic import envoy_gateway, ingress, istio, kong, traefik
from runbook_operator.actions.traffic.limit import Limit, Rate
from runbook_operator.actions.traffic.site import Way, first, site
from runbook_operator.model.target import TargetRefs

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
    """How many requests are let through, and by what."""

    through: Annotated[list[Mechanism], Field(min_length=1, max_length=5)] = Field(
        ["EnvoyGateway", "Traefik", "Kong", "Istio", "Ingress"],
        description="The mechanisms that may be used: the first one that the cluster has and that fits is.",
    )


class RateLimit(Action):
    """Limits the requests to the target's Service, and holds the limit."""

    kind = "rateLimit"
    Spec = RateLimitSpec
    reverts = "What was made is deleted, and what was changed is what it was."
    rights = (*(right for ways in RIGHTS.values() for right in ways),)

    @staticmethod
    def plan(spec: RateLimitSpec, scene: Scene) -> Plan:
        where = site(scene)
        return first(spec.through, {name: _way(limit, spec) for name, limit in LIMITS.items()}, where)

    @classmethod
    def needs(cls, spec: RateLimitSpec, target: TargetRefs) -> tuple[Right, ...]:
        return needed((right for way in spec.through for right in RIGHTS[way]), target)

    @staticmethod
    def describe(spec: Any) -> str:
        return f"rate limit {spec.target} to {spec.requests} per {spec.per}"


def _way(limit: Limit, rate: Rate) -> Way:
    return lambda site: limit(site, rate)
