"""Policies on the remaining fields of actions."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests import traffic
from tests.e2e.autoscaling import say_scaled_to_zero
from tests.e2e.harness import Body, Cluster, deployment
from tests.e2e.policies import Changing, to
from tests.scaling import QUEUE, hpa, scaled_object

KEDA = "autoscaling.keda.sh"

FLUX = "toolkit.fluxcd.io"

NGINX = "nginx.ingress.kubernetes.io"

PLUGINS = "konghq.com/plugins"

RESTARTED_FOR = "runbooks.dev/restarted-for"

POD: Body = {
    "restartPolicy": "Never",
    "schedulerName": "nobody",
    "containers": [{"name": "job", "image": "runbooks.dev/demo-app:1.0"}],
}

FLAG: Body = {"state": "ENABLED", "variants": {"on": True, "off": False, "some": False}, "defaultVariant": "on"}

CLASSIC = traffic.service(clusterIP=None)


def pointer(*steps: str | int) -> str:
    """The JSON pointer of a path."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def nested(*steps: str | int, value: Any) -> Any:
    """A merge patch that sets the value at the path, which has no list on its way."""
    for step in reversed(steps):
        value = {step: value}
    return value


def changing(resource: str, group: str, shows: tuple[str | int, ...], value: Any, tried: Any = None) -> Changing:
    """A policy that sets the value at the path; `tried` is another value there, or a whole patch."""
    cel = f"'{value}'" if isinstance(value, str) else str(value).lower()
    patch = tried if isinstance(tried, dict) else nested(*shows, value=tried)
    return Changing(resource, to(pointer(*shows), cel), patch, shows, value, group)


def annotated(resource: str, group: str, key: str, value: str) -> Changing:
    return changing(resource, group, ("metadata", "annotations", key), value, "none")


@dataclass(frozen=True)
class Case:
    """An action, the object that it writes among others, and what a policy does to the field."""

    action: Body
    kind: str
    change: Changing
    objects: tuple[Body, ...] = ()
    workload: Body = field(default_factory=lambda: {"name": "web"})
    target: Body = field(default_factory=dict)
    spec: Body = field(default_factory=dict)
    reverts: bool = True
    before: Callable[[Cluster], None] | None = None
    """What is done before each throw."""

    @property
    def beside(self) -> Changing:
        """A policy that sets a label of the object, which no action writes."""
        tried = nested("metadata", "labels", "cost-center", value="none")
        resource = self.change.resource.partition("/")[0]
        label = to("/metadata/labels/cost-center", "'4711'")
        return Changing(resource, label, tried, ("metadata", "labels", "cost-center"), "4711", self.change.group)


def suspending(kind: str, api_version: str, shows: tuple[str, ...], *, value: bool = False, **spec: Any) -> Case:
    """A case of the action suspend on an object of a kind of its own."""
    group = api_version.rpartition("/")[0]
    change = changing(f"{kind.lower()}s", group, shows, value, not value)
    made = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web"}, "spec": spec}
    of = {"apiVersion": api_version, "kind": kind, "name": "web"}
    return Case({"suspend": {"target": "web"}}, kind.lower(), change, (made,), of)


def scaling(replicas: int, change: Changing, scaler: Body, before: Callable[[Cluster], None] | None = None) -> Case:
    """A case of the action scale on a Deployment that an autoscaler scales."""
    action = {"scale": {"target": "web", "replicas": replicas}}
    return Case(action, scaler["kind"].lower(), change, (scaler,), before=before)


def owned(label: str, annotation: str) -> Case:
    """A case of a Deployment that Flux applies, which an annotation keeps off while the switch is engaged."""
    made = deployment()
    made["metadata"] |= {"labels": {label: "apps"}, "annotations": {"test": "yes"}}
    change = annotated("deployments", "apps", annotation, "enabled")
    return Case({"scale": {"target": "web", "replicas": 0}}, "deployment", change, (made,))


def annotating(action: Body, kind: str, group: str, key: str, *objects: Body) -> Case:
    """A case of an action that sets an annotation of an object of traffic."""
    return Case(action, kind, annotated(f"{kind.lower()}es".replace("servicees", "services"), group, key, "9"), objects)


def tracked() -> Body:
    """A Deployment that an Argo CD Application of the same namespace tracks."""
    made = deployment()
    made["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": "NAMESPACE_web:apps/Deployment:NAMESPACE/web"}
    return made


HPAS = ("horizontalpodautoscalers", "autoscaling")

BEHAVIOR = ("spec", "behavior", "scaleUp", "selectPolicy")

FASTEST: Body = {"behavior": {"scaleUp": {"selectPolicy": "Max"}}}

AUTOMATED = {"automated": {"prune": True}}

SETS = {"target": "web", "flag": "ai", "value": "off"}

LIMITED = {"target": "web", "requests": 10, "per": "Second"}

APPLICATION: Body = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "web"},
    "spec": {"syncPolicy": AUTOMATED},
}

PAUSED = changing(
    "applications", "argoproj.io", ("spec", "syncPolicy", "automated", "enabled"), value=True, tried=False
)

FEATURE_FLAG: Body = {
    "apiVersion": "core.openfeature.dev/v1beta1",
    "kind": "FeatureFlag",
    "metadata": {"name": "web"},
    "spec": {"flagSpec": {"flags": {"ai": FLAG}}},
}

CONFIG: Body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"app.yaml": "ai: on\n"}}

ROLLOUT = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}

CASES = {
    "HPA bounds": scaling(4, changing(*HPAS, ("spec", "maxReplicas"), 20, 19), hpa(2, 10)),
    "HPA behavior": scaling(0, changing(*HPAS, BEHAVIOR, "Max", "Min"), hpa(0, 4)),
    "HPA select policy": scaling(0, changing(*HPAS, BEHAVIOR, "Min", "Disabled"), hpa(0, 4, **FASTEST)),
    "HPA minimum of 1": scaling(
        0,
        Changing(
            HPAS[0],
            f"object.spec.?minReplicas.orValue(1) == 0 ? {to('/spec/minReplicas', '1')} : []",
            {"spec": {"minReplicas": 0}},
            ("spec", "minReplicas"),
            1,
            HPAS[1],
        ),
        hpa(1, 4, metrics=[QUEUE]),
        before=say_scaled_to_zero,
    ),
    "ScaledObject paused replicas": scaling(
        0, annotated("scaledobjects", "keda.sh", f"{KEDA}/paused-replicas", "7"), scaled_object()
    ),
    "suspend ScaledObject": Case(
        {"suspend": {"target": "web"}},
        "scaledobject",
        annotated("scaledobjects", "keda.sh", f"{KEDA}/paused", "false"),
        (scaled_object(),),
        {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "web"},
    ),
    "suspend Job": suspending(
        "Job", "batch/v1", ("spec", "suspend"), template={"spec": POD}, suspend=False, backoffLimit=0
    ),
    "suspend Kustomization": suspending("Kustomization", f"kustomize.{FLUX}/v1", ("spec", "suspend"), interval="5m"),
    "suspend HelmRelease": suspending("HelmRelease", f"helm.{FLUX}/v2", ("spec", "suspend"), interval="5m"),
    "suspend Application": suspending(
        "Application",
        "argoproj.io/v1alpha1",
        ("spec", "syncPolicy", "automated", "enabled"),
        value=True,
        syncPolicy=AUTOMATED,
    ),
    "Flux Kustomization": owned(f"kustomize.{FLUX}/name", f"kustomize.{FLUX}/reconcile"),
    "Flux HelmRelease": owned(f"helm.{FLUX}/name", f"helm.{FLUX}/driftDetection"),
    "Argo CD PauseAutoSync": Case(
        {"scale": {"target": "web", "replicas": 0}},
        "application",
        PAUSED,
        (tracked(), APPLICATION),
        spec={"gitOps": {"argoCD": "PauseAutoSync"}},
    ),
    "setFlag FeatureFlag": Case(
        {"setFlag": SETS},
        "featureflag",
        changing(
            "featureflags",
            "core.openfeature.dev",
            ("spec", "flagSpec", "flags", "ai", "defaultVariant"),
            "some",
            "off",
        ),
        (FEATURE_FLAG,),
        target={"flags": {"featureFlag": "web"}},
    ),
    "setFlag document": Case(
        {"setFlag": SETS},
        "configmap",
        Changing(
            "configmaps",
            to("/data/app.yaml", r"'ai: policy\n'"),
            {"data": {"app.yaml": "ai: none"}},
            ("data", "app.yaml"),
            "ai: policy\n",
            "",
        ),
        (CONFIG,),
        target={"flags": {"configMap": "web", "key": "app.yaml"}},
    ),
    "setFlag restart": Case(
        {"setFlag": SETS | {"flag": "app.yaml", "restart": True}},
        "deployment",
        changing(
            "deployments",
            "apps",
            ("spec", "template", "metadata", "annotations", RESTARTED_FOR),
            "policy",
            {"spec": {"template": {"metadata": {"annotations": {"tried": "now"}}}}},
        ),
        (CONFIG,),
        target={"flags": {"configMap": "web"}},
    ),
    "restart Rollout": Case(
        {"restart": {"target": "web"}},
        "rollout",
        changing("rollouts", "argoproj.io", ("spec", "restartAt"), "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"),
        (deployment() | ROLLOUT,),
        ROLLOUT | {"name": "web"},
        reverts=False,
    ),
    "blockTraffic Traefik": Case(
        {"blockTraffic": {"target": "web", "through": ["Traefik"]}},
        "IngressRoute",
        Changing(
            "ingressroutes",
            "has(object.spec.routes[0].middlewares) ? "
            + to("/spec/routes/0/middlewares/0/namespace", "'other'")
            + " : []",
            {"spec": {"routes": [traffic.traefik_route("Host(`none`)", "web", middlewares=[{"name": "none"}])]}},
            ("spec", "routes", 0, "middlewares", 0, "namespace"),
            "other",
            "traefik.io",
        ),
        (CLASSIC, traffic.ingress_route()),
    ),
    "rateLimit Kong": annotating(
        {"rateLimit": LIMITED | {"through": ["Kong"]}}, "Service", "", PLUGINS, CLASSIC, traffic.ingress(of="kong")
    ),
    "rateLimit Ingress": annotating(
        {"rateLimit": LIMITED | {"through": ["Ingress"]}},
        "Ingress",
        "networking.k8s.io",
        f"{NGINX}/limit-rps",
        CLASSIC,
        traffic.ingress(),
    ),
    "rateLimit Ingress burst": annotating(
        {"rateLimit": LIMITED | {"through": ["Ingress"]}},
        "Ingress",
        "networking.k8s.io",
        f"{NGINX}/limit-burst-multiplier",
        CLASSIC,
        traffic.ingress(),
    ),
}
