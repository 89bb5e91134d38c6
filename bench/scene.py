"""What there is to throw: Runbooks with a switch each, their Deployments, and what a contender needs to serve them."""

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from runbook_operator.kube import errors
from runbook_operator.kube.client import Body, Kube

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "charts" / "runbook-operator"
ADMISSION = "admissionregistration.k8s.io/v1"
RUNBOOKS = "/apis/runbooks.dev/v1alpha1/namespaces/{}/runbooks"
SWITCHES = "/apis/runbooks.dev/v1alpha1/namespaces/{}/switches"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"
REPLICAS = 3
AT_ONCE = 32
ADMIN = "cluster-admin"
FLOW = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"


def names(count: int) -> list[str]:
    return [f"r{number}" for number in range(count)]


def deployment(name: str) -> Body:
    """Paused before its first rollout, a Deployment has no ReplicaSet and so no pods, which nobody here waits for."""
    labels = {"app": name}
    container = {"name": "app", "image": "runbooks.dev/demo-app:1.0", "imagePullPolicy": "Never"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": REPLICAS, "paused": True, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def runbook(name: str) -> Body:
    spec = {
        "title": "Shop",
        "targets": [{"name": "web", "workload": {"name": name}}],
        "killSwitches": [{"name": "stop", "actions": [{"scale": {"target": "web", "replicas": 0}}]}],
    }
    return {"apiVersion": "runbooks.dev/v1alpha1", "kind": "Runbook", "metadata": {"name": name}, "spec": spec}


def switch(name: str) -> Body:
    spec = {"runbook": name, "switch": "stop"}
    meta = {"name": switch_of(name)}
    return {"apiVersion": "runbooks.dev/v1alpha1", "kind": "Switch", "metadata": meta, "spec": spec}


def half_done(target: Body) -> Body:
    """The status of a switch whose record was written and whose effect was not."""
    action = {
        "action": "scale",
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": target["metadata"]["name"],
        "uid": target["metadata"]["uid"],
        "saved": REPLICAS,
        "held": 0,
    }
    record = {"engagementId": "before", "engagedAt": "2026-01-01T00:00:00Z", "actions": [action]}
    return {"phase": "Engaged", "record": record}


def switch_of(runbook: str) -> str:
    return f"{runbook}-stop"


async def each(work: Callable[[Any], Awaitable[None]], items: Iterable[Any], at_once: int = AT_ONCE) -> None:
    """The work for each of the items, some at once."""
    slots = asyncio.Semaphore(at_once)

    async def one(item: Any) -> None:
        async with slots:
            await work(item)

    await asyncio.gather(*map(one, items))


async def made(kube: Kube, namespace: str, count: int, *, with_runbooks: bool) -> None:
    """So many Deployments, and Runbooks for who makes switches of them, else the switches."""
    path = (RUNBOOKS if with_runbooks else SWITCHES).format(namespace)
    make = runbook if with_runbooks else switch

    async def one(name: str) -> None:
        await kube.create(DEPLOYMENTS.format(namespace), deployment(name))
        await kube.create(path, make(name))

    await each(one, names(count))


async def account(kube: Kube, namespace: str) -> None:
    """A service account that may do everything, and a flow of its own, so that its requests are counted as its own.

    Its priority is the one that requests of service accounts have anyway.
    """
    subject = {"kind": "ServiceAccount", "name": "contender", "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ADMIN}
    await kube.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "contender"}})
    await _fresh(kube, BINDINGS, {"metadata": {"name": namespace}, "roleRef": role, "subjects": [subject]})
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}
    rule = {
        "subjects": [{"kind": "ServiceAccount", "serviceAccount": {"name": "contender", "namespace": namespace}}],
        "resourceRules": [everything],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    }
    spec = {
        "priorityLevelConfiguration": {"name": "workload-low"},
        "matchingPrecedence": 500,
        "distinguisherMethod": {"type": "ByUser"},
        "rules": [rule],
    }
    await _fresh(kube, FLOW, {"metadata": {"name": namespace}, "spec": spec})


async def gone(kube: Kube, namespace: str) -> None:
    """Everything that was made for a contender."""
    kubectl("delete", "--ignore-not-found", "-f", "-", stdin=policies(namespace))
    for path in (f"{BINDINGS}/{namespace}", f"{FLOW}/{namespace}"):
        await _deleted(kube, path)
    await emptied(kube, namespace)


async def emptied(kube: Kube, namespace: str) -> None:
    """The namespace on its way out, and no finalizer in it of who no longer runs."""

    async def let_go(path: str) -> None:
        await kube.merge(path, {"metadata": {"finalizers": None}})

    for kind in (SWITCHES, RUNBOOKS):
        listed = [one["metadata"] async for one in kube.items(kind.format(namespace))]
        await each(let_go, [f"{kind.format(namespace)}/{one['name']}" for one in listed if one.get("finalizers")])
    await _deleted(kube, f"/api/v1/namespaces/{namespace}")


def kubeconfig(namespace: str, path: Path, server: str = "") -> Path:
    """A kubeconfig of the contender's service account, as JSON; `server` is what it asks instead of the API server."""
    found = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    token = kubectl("create", "token", "contender", "-n", namespace, "--duration=24h").strip()
    cluster = found["clusters"][0]["cluster"]
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bench",
        "clusters": [{"name": "bench", "cluster": cluster | ({"server": server} if server else {})}],
        "users": [{"name": "bench", "user": {"token": token}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(document))
    return path


def install() -> None:
    """The CRDs, served from here on."""
    kubectl("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
    kubectl("wait", "--for=condition=Established", "-f", str(ROOT / "crds"), "--timeout=60s")


def policies(*namespaces: str) -> str:
    """What the chart has admission do in the write of a throw there, as YAML: to say who it was, and to mark it."""
    versions = f"--api-versions={ADMISSION}/MutatingAdmissionPolicy"
    shown = [f"--show-only=templates/admission-{name}.yaml" for name in ("mark", "stamp")]
    served = f"--set=scope.namespaces={{{','.join(namespaces)}}}"
    return run("helm", "template", "bench", str(CHART), "--namespace", namespaces[0], versions, served, *shown)


def wait_until_gone(namespaces: Iterable[str], seconds: int = 600) -> None:
    kubectl("wait", "--for=delete", f"--timeout={seconds}s", *(f"namespace/{name}" for name in namespaces))


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    return run("kubectl", *arguments, stdin=stdin)


def run(*command: str, stdin: str | None = None) -> str:
    done = subprocess.run(command, input=stdin, text=True, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command)}\n{done.stderr}")
    return done.stdout


async def _fresh(kube: Kube, path: str, body: Body) -> None:
    await _deleted(kube, f"{path}/{body['metadata']['name']}")
    await kube.create(path, body)


async def _deleted(kube: Kube, path: str) -> None:
    try:
        found = await kube.get(path)
        await kube.delete(path, found["metadata"]["uid"])
    except errors.NotFoundError:
        return
