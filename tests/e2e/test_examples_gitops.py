"""The examples of examples/gitops: what they ask of Argo CD and of Flux, done by those tools' own code."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e import api, optional
from tests.e2e.gitops import asked, contest, customizations, objects, rounds, watched
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, kubectl

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "gitops"
ACCOUNT = "flux-shop"
WAITING = ("--wait", "60s", "--checks", str(FOLDER / "flux" / "sync.yaml"))
"""How long Flux waits for what it has applied, and by which expressions."""
ROUNDS = 4
IN_HAND = 1
"""Rounds that had decided before the throw, whose write may come after it."""


def documents(name: str) -> list[Body]:
    """What is in the YAML files of one of the folders."""
    return [one for path in sorted((FOLDER / name).glob("*.yaml")) for one in yaml.safe_load_all(path.read_text())]


def committed(cluster: Cluster) -> Body:
    """A Switch that somebody put into Git, held released there."""
    spec = {"runbook": "shop", "switch": "stop", "engaged": False, "reason": "from Git"}
    return {
        "apiVersion": "runbooks.dev/v1alpha1",
        "kind": "Switch",
        "metadata": {"name": "shop-stop", "namespace": cluster.namespace},
        "spec": spec,
    }


def of_argo_cd() -> list[str]:
    """The example's Application as the options of the tool."""
    (spec,) = [one["spec"] for one in documents("argocd") if one["kind"] == "Application"]
    pointers = [pointer for one in spec["ignoreDifferences"] for pointer in one["jsonPointers"]]
    ignore = [part for pointer in pointers for part in ("--ignore", pointer)]
    flags = {"RespectIgnoreDifferences=true": "--respect-ignore", "ServerSideApply=true": "--server-side"}
    return [*ignore, *(flags[one] for one in spec["syncPolicy"]["syncOptions"])]


def word(cluster: Cluster) -> tuple[Any, str]:
    spec = cluster.get("switch", "shop-stop")["spec"]
    return spec.get("engaged"), spec.get("reason", "")


def test_gitops_examples_are_accepted_and_valid_for_flux(cluster: Cluster) -> None:
    optional.serve("AppProject", "GitRepository")
    found = [one for name in ("shop", "argocd", "flux") for one in documents(name)]
    for one in found:
        one["metadata"]["namespace"] = cluster.namespace

    cluster.run("apply", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump_all(found))

    known = {one["object"] for one in asked("strict", manifests=documents("flux")) if one.get("status") == "known"}
    assert known == {"GitRepository/shop", "Kustomization/shop"}


def test_argo_cd_application_heals_all_but_held_fields_and_overrides(cluster: Cluster, operator: Operator) -> None:
    options, shop = of_argo_cd(), documents("shop")
    rounds("argocd", *options, manifests=shop, namespace=cluster.namespace)
    cluster.until_reason("switch", "shop-stop", "Ready")
    mistaken = [*shop, committed(cluster)]
    rounds("argocd", *options, manifests=mistaken, namespace=cluster.namespace)
    assert word(cluster) == (None, "")

    with (
        contest("argocd", *options, manifests=mistaken, namespace=cluster.namespace) as argo,
        watched("deployment", cluster.namespace, "shop") as field,
    ):
        cluster.throw("shop-stop")
        cluster.until_phase("shop-stop", "Engaged")
        argo.until(IN_HAND)
        assert {one["action"] for line in argo.until(ROUNDS) for one in line["objects"]} == {"synced"}
        assert len(field.away(0)) <= IN_HAND

    mistaken[0]["spec"]["minReadySeconds"] = 1
    rounds("argocd", *options, manifests=mistaken, namespace=cluster.namespace)
    assert cluster.get("deployment", "shop")["spec"]["minReadySeconds"] == 1
    assert (cluster.replicas("shop"), word(cluster)) == (0, (True, "INC-42"))
    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")
    assert cluster.replicas("shop") == 3
    assert operator.alive


def later(cluster: Cluster, runbook: Body, name: str, argocd_cm: Path) -> str | None:
    """What becomes of a ConfigMap in the wave after the Runbook and its Switch."""
    wave = {"argocd.argoproj.io/sync-wave": "1"}
    fix = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "annotations": wave}}
    wanted = [runbook, committed(cluster) | {"spec": cluster.get("switch", "shop-stop")["spec"]}, fix]
    options = ("--customizations", str(argocd_cm))
    (line,) = rounds("argocd", *options, manifests=wanted, namespace=cluster.namespace)
    found: str | None = objects(line)[f"ConfigMap/{name}"].get("message")
    return found


def test_later_sync_wave_waits_for_a_suspended_runbook_and_not_for_an_engaged_switch(
    cluster: Cluster, operator: Operator, tmp_path: Path
) -> None:
    argocd_cm = customizations(tmp_path)
    app, runbook = documents("shop")
    cluster.apply(app, runbook)
    cluster.until_reason("switch", "shop-stop", "Ready")
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")
    eventually("it is counted", lambda: cluster.get("runbook", "shop")["status"]["engaged"] == 1)

    assert later(cluster, runbook, "fix", argocd_cm) == "configmap/fix created"

    runbook["spec"]["suspend"] = {"reason": "migration"}
    cluster.apply(runbook)
    eventually("it is suspended", lambda: cluster.condition("runbook", "shop", "Suspended").get("status") == "True")
    assert later(cluster, runbook, "next", argocd_cm) is None
    assert operator.alive


def test_flux_skips_held_fields_and_may_not_write_a_switch(cluster: Cluster, operator: Operator) -> None:
    rights = yaml.safe_dump_all(
        [one for one in documents("flux") if one["kind"] not in ("GitRepository", "Kustomization")]
    )
    cluster.run("apply", "-f", "-", stdin=rights.replace("namespace: shop", f"namespace: {cluster.namespace}"))
    shop = documents("shop")
    with speaking_as(cluster):
        (made,) = rounds("flux", manifests=shop, namespace=cluster.namespace)
    assert {name: one["action"] for name, one in objects(made).items()} == {
        "Deployment/shop": "created",
        "Runbook/shop": "created",
    }
    cluster.until_reason("switch", "shop-stop", "Ready")
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")

    with speaking_as(cluster):
        (kept,) = rounds("flux", *WAITING, manifests=shop, namespace=cluster.namespace)
        (mistaken,) = rounds("flux", manifests=[*shop, committed(cluster)], namespace=cluster.namespace)

    assert (kept["error"], objects(kept)["Deployment/shop"]["action"]) == ("", "skipped")
    assert (
        f'User "system:serviceaccount:{cluster.namespace}:{ACCOUNT}" cannot patch resource "switches"'
        in (mistaken["error"])
    )
    assert (cluster.replicas("shop"), word(cluster)) == (0, (True, "INC-42"))
    assert operator.alive


def test_flux_waits_for_a_runbook_and_fails_early_on_a_permanent_error(cluster: Cluster, operator: Operator) -> None:
    _, runbook = documents("shop")
    broken = {"name": "night", "schedule": "0 3 * * *", "duration": "1h", "timeZone": "Mars/Olympus"}
    edited = runbook | {"spec": runbook["spec"] | {"automation": {"maintenanceWindows": [broken]}}}
    cluster.apply(deployment("shop"))

    (ready,) = rounds("flux", *WAITING, manifests=[runbook], namespace=cluster.namespace)
    (failed,) = rounds("flux", *WAITING, manifests=[edited], namespace=cluster.namespace)

    assert ready["error"] == ""
    assert cluster.condition("runbook", "shop")["reason"] == "InvalidSpec"
    assert failed["error"].startswith("failed early due to stalled resources: [Runbook/")
    assert operator.alive


@contextmanager
def speaking_as(cluster: Cluster) -> Iterator[None]:
    """The tool speaks as the example's account, as kustomize-controller does for `serviceAccountName`."""
    api.proxy()  # it goes on speaking as whom it began
    config = json.loads(kubectl("config", "view", "--minify", "--flatten", "--raw", "-o", "json"))
    config["users"][0]["user"]["as"] = f"system:serviceaccount:{cluster.namespace}:{ACCOUNT}"
    with tempfile.NamedTemporaryFile("w", suffix=".kubeconfig") as file, pytest.MonkeyPatch.context() as patched:
        json.dump(config, file)
        file.flush()
        patched.setenv("KUBECONFIG", file.name)
        yield
