"""Policies on the objects that traffic mechanisms create."""

from dataclasses import dataclass
from typing import Any

from tests import traffic
from tests.e2e.harness import Body
from tests.e2e.policies import Changing, to

TRIED: Body = {"metadata": {"annotations": {"tried": "now"}}}

PLAIN = traffic.service(clusterIP=None)

DENY = "nginx.ingress.kubernetes.io/denylist-source-range"

OTHER = [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "other"}]

PODS = {"matchLabels": {"app": "decoy"}}

BUCKET = ("spec", "configPatches", 0, "patch", "value", "typed_config", "value", "token_bucket", "max_tokens")


def under(*steps: str | int) -> str:
    """The JSON pointer of a path."""
    return "".join(f"/{step}" for step in steps)


def filtering(tokens: int) -> Body:
    """The spec of an EnvoyFilter with a bucket of so many tokens."""
    found: Any = tokens
    for step in reversed(BUCKET[1:]):
        found = [found] if isinstance(step, int) else {step: found}
    return {"workloadSelector": {"labels": {"app": "decoy"}}, **found}


@dataclass(frozen=True)
class Case:
    """An action through one mechanism, and what a policy makes of the object that it writes.

    `decoy` is an object of the kind, on which the policy is tried where the mechanism makes its own.
    """

    action: str
    through: str
    kind: str
    change: Changing
    objects: tuple[Body, ...]
    decoy: Body | None = None
    is_verified: bool = True
    """False where the switch asks for an answer that no gateway gives here, so that it is never Engaged."""

    @property
    def declared(self) -> Body:
        rate = {"requests": 10, "per": "Second"} if self.action == "rateLimit" else {}
        verify = {} if self.is_verified else {"verify": {"path": "/health"}}
        return {self.action: {"target": "web", "through": [self.through], **rate, **verify}}

    @property
    def beside(self) -> Changing:
        """A policy that sets a label of the object, which no mechanism writes."""
        label = to("/metadata/labels", "{'cost-center': '4711'}")
        shows = ("metadata", "labels", "cost-center")
        tried = {"metadata": {"labels": {"cost-center": "none"}}}
        return Changing(self.change.resource, label, tried, shows, "4711", self.change.group)


def changing(
    resource: str, group: str, shows: tuple[str | int, ...], value: Any, cel: str, tried: Body | None = None
) -> Changing:
    """A policy that sets the value at the path; `tried` sets another one where the object itself may have it."""
    return Changing(resource, to(under(*shows), cel), tried or TRIED, shows, value, group)


CASES = {
    "NetworkPolicy": Case(
        "blockTraffic",
        "NetworkPolicy",
        "NetworkPolicy",
        changing(
            "networkpolicies", "networking.k8s.io", ("spec", "podSelector", "matchLabels", "app"), "other", "'other'"
        ),
        (PLAIN,),
        traffic.network_policy("decoy", PODS, types=["Ingress"]),
        is_verified=False,
    ),
    "HTTPRoute": Case(
        "blockTraffic",
        "HTTPRoute",
        "HTTPRoute",
        changing(
            "httproutes",
            "gateway.networking.k8s.io",
            ("spec", "rules", 0, "matches", 0, "path", "value"),
            "/other",
            "'/other'",
            {"spec": {"rules": [traffic.rule(path="/none")]}},
        ),
        (PLAIN, traffic.http_route("web", traffic.rule("web"), traffic.rule("api", path="/api"))),
    ),
    "BackendTrafficPolicy": Case(
        "blockTraffic",
        "EnvoyGateway",
        "BackendTrafficPolicy",
        changing(
            "backendtrafficpolicies", "gateway.envoyproxy.io", ("spec", "targetRefs", 0, "name"), "nothing", "'nothing'"
        ),
        (PLAIN, traffic.http_route()),
        traffic.traffic_policy("decoy", targetRefs=OTHER),
    ),
    "BackendTrafficPolicy with a minimum": Case(
        "rateLimit",
        "EnvoyGateway",
        "BackendTrafficPolicy",
        changing(
            "backendtrafficpolicies",
            "gateway.envoyproxy.io",
            ("spec", "rateLimit", "local", "rules", 0, "limit", "requests"),
            100,
            "100",
        ),
        (PLAIN, traffic.http_route()),
        traffic.traffic_policy("decoy", targetRefs=OTHER, rateLimit={"local": {"rules": [{"limit": {"requests": 1}}]}}),
    ),
    "AuthorizationPolicy": Case(
        "blockTraffic",
        "Istio",
        "AuthorizationPolicy",
        changing("authorizationpolicies", "security.istio.io", ("spec", "action"), "ALLOW", "'ALLOW'"),
        (PLAIN,),
        traffic.made("security.istio.io/v1", "AuthorizationPolicy", "decoy", spec={"action": "DENY"}),
    ),
    "EnvoyFilter with a minimum": Case(
        "rateLimit",
        "Istio",
        "EnvoyFilter",
        changing("envoyfilters", "networking.istio.io", BUCKET, 100, "100"),
        (PLAIN,),
        traffic.made("networking.istio.io/v1alpha3", "EnvoyFilter", "decoy", spec=filtering(1)),
    ),
    "Middleware": Case(
        "rateLimit",
        "Traefik",
        "Middleware",
        changing("middlewares", "traefik.io", ("spec", "rateLimit", "average"), 100, "100"),
        (PLAIN, traffic.ingress_route()),
        traffic.made("traefik.io/v1alpha1", "Middleware", "decoy", spec={"rateLimit": {"average": 1}}),
    ),
    "KongPlugin": Case(
        "blockTraffic",
        "Kong",
        "KongPlugin",
        changing("kongplugins", "configuration.konghq.com", ("config", "status_code"), 200, "200"),
        (PLAIN, traffic.ingress(of="kong")),
        traffic.made("configuration.konghq.com/v1", "KongPlugin", "decoy", plugin="other", config={"status_code": 1}),
    ),
    "Ingress": Case(
        "blockTraffic",
        "Ingress",
        "Ingress",
        Changing(
            "ingresses",
            to(f"/metadata/annotations/{DENY.replace('/', '~1')}", "'10.0.0.0/8'"),
            {"metadata": {"annotations": {DENY: "none"}}},
            ("metadata", "annotations", DENY),
            "10.0.0.0/8",
            "networking.k8s.io",
        ),
        (PLAIN, traffic.ingress()),
    ),
}
