"""Gateways that the lab does not run: their kinds, as small as the API server takes them, and objects read in one way.

The objects are proven on the real API server, and pass the real kinds' own schemas where those are installed; what a
gateway makes of them is its own, and documented by it.
"""

from typing import Any

from tests.e2e import api
from tests.e2e.harness import Body, Cluster, eventually, kubectl
from tests.traffic import reported

KINDS = (
    ("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
    ("gateway.envoyproxy.io", "v1alpha1", "BackendTrafficPolicy", "backendtrafficpolicies"),
    ("security.istio.io", "v1", "AuthorizationPolicy", "authorizationpolicies"),
    ("networking.istio.io", "v1alpha3", "EnvoyFilter", "envoyfilters"),
    ("traefik.io", "v1alpha1", "IngressRoute", "ingressroutes"),
    ("traefik.io", "v1alpha1", "Middleware", "middlewares"),
    ("configuration.konghq.com", "v1", "KongPlugin", "kongplugins"),
)
PLACES = {
    "Service": "/api/v1/namespaces/{}/services",
    "Ingress": "/apis/networking.k8s.io/v1/namespaces/{}/ingresses",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    **{kind: f"/apis/{group}/{version}/namespaces/{{}}/{plural}" for group, version, kind, plural in KINDS},
}


def make_kinds() -> None:
    """Make those that are not there: other tests make the same at the same time, and a real one is left as it is."""
    for one in KINDS:
        try:
            api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", _crd(*one))
        except AssertionError as refused:
            if "AlreadyExists" not in str(refused):
                raise
    names = [f"crd/{plural}.{group}" for group, _, _, plural in KINDS]
    kubectl("wait", "--for=condition=Established", *names, "--timeout=180s")


def _crd(group: str, version: str, kind: str, plural: str) -> Body:
    meta: Body = {"name": f"{plural}.{group}"}
    if group == "gateway.networking.k8s.io":
        meta["annotations"] = {"api-approved.kubernetes.io": "unapproved, a test's own"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    served = {"name": version, "served": True, "storage": True, "schema": schema}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": meta,
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [served],
        },
    }


def items(cluster: Cluster, kind: str) -> dict[str, Any]:
    """What a user would see of every object of the kind, by name: everything but what each write changes."""
    found = api.get(PLACES[kind].format(cluster.namespace))["items"]
    return {one["metadata"]["name"]: _essence(one) for one in found}


def _essence(body: Body) -> Body:
    meta = {key: body["metadata"][key] for key in ("annotations", "labels") if key in body["metadata"]}
    hidden = ("metadata", "status", "apiVersion", "kind")
    return {"metadata": meta} | {key: value for key, value in body.items() if key not in hidden}


def engaged(cluster: Cluster, switch: str) -> None:
    """Wait until the switch is Engaged; no gateway runs here, so that the test accepts what one would accept."""

    def is_engaged() -> bool:
        accept(cluster)
        return cluster.phase(switch) == "Engaged"

    eventually(f"{switch} is Engaged", is_engaged)


def accept(cluster: Cluster) -> None:
    """Report every route and policy as accepted, as Envoy Gateway would."""
    for kind, place in (("HTTPRoute", "parents"), ("BackendTrafficPolicy", "ancestors")):
        for one in api.get(PLACES[kind].format(cluster.namespace))["items"]:
            if not one.get("status"):
                report(cluster, kind, one["metadata"]["name"], {place: [reported()]})


def report(cluster: Cluster, kind: str, name: str, status: Body) -> None:
    """A controller writes a status; the kinds made above have no subresource for it, and real ones have."""
    where = f"{PLACES[kind].format(cluster.namespace)}/{name}"
    try:
        api.patch(f"{where}/status", {"status": status}, "gateway")
    except api.NotThereError:
        api.patch(where, {"status": status}, "gateway")


def patch(cluster: Cluster, kind: str, name: str, body: Body) -> None:
    api.patch(f"{PLACES[kind].format(cluster.namespace)}/{name}", body)


def delete(cluster: Cluster, kind: str, name: str) -> None:
    api.delete(f"{PLACES[kind].format(cluster.namespace)}/{name}")
