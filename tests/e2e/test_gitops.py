"""Flux and Argo CD, by their own code, against a switch that is engaged: who has the field, and for how long."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.e2e.gitops import contest, objects, rounds, watched
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "08-gitops"
LONGEST_AWAY = 5.0
"""Seconds; what is put back at once may take a moment on a busy machine, and what is not lasts as long as the test."""
ROUNDS = 8
IN_HAND = 1
"""Rounds that had decided before the throw, whose write may come after it: one at most, since a tool takes turns."""
RECONCILE = "kustomize.toolkit.fluxcd.io/reconcile"


def managed(cluster: Cluster, tool: str, *manifests: Body) -> None:
    """The tool has made the objects, as from Git, and the switch is ready."""
    rounds(tool, manifests=list(manifests), namespace=cluster.namespace)
    cluster.until_reason("switch", "shop-stop", "Ready")
    eventually("it is seen with its owner", lambda: cluster.get("deployment", "web")["metadata"])


def annotations(cluster: Cluster) -> Body:
    found: Body = cluster.get("deployment", "web")["metadata"].get("annotations", {})
    return found


def engaged(cluster: Cluster) -> Body:
    cluster.throw("shop-stop")
    return cluster.until_phase("shop-stop", "Engaged")


def test_flux_skips_a_held_object_until_release(cluster: Cluster, operator: Operator) -> None:
    manifests = [deployment(), runbook()]
    managed(cluster, "flux", *manifests)

    with (
        contest("flux", manifests=manifests, namespace=cluster.namespace) as flux,
        watched("deployment", cluster.namespace) as field,
    ):
        engaged(cluster)
        assert annotations(cluster)[RECONCILE] == "disabled"
        flux.until(IN_HAND)
        held = flux.until(ROUNDS)
        assert {objects(line)["Deployment/web"]["action"] for line in held} == {"skipped"}
        assert len(field.away(0)) <= IN_HAND

    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")
    assert RECONCILE not in annotations(cluster)
    assert cluster.replicas() == 3
    assert objects(rounds("flux", manifests=manifests, namespace=cluster.namespace)[0])["Deployment/web"]["action"] == (
        "unchanged"
    )
    assert operator.alive


def test_flux_that_is_not_suspended_is_corrected_each_time_and_named(cluster: Cluster, operator: Operator) -> None:
    manifests = [deployment(), runbook(gitOps={"flux": "Ignore"})]
    managed(cluster, "flux", *manifests)
    engaged(cluster)

    with watched("deployment", cluster.namespace) as field:
        done = rounds("flux", manifests=manifests, namespace=cluster.namespace)
        assert objects(done[0])["Deployment/web"]["action"] == "configured"
        cluster.until_replicas(0)
        eventually("both were seen", lambda: field.away(0))
        assert max(field.away(0)) < LONGEST_AWAY

    told = eventually("it is told", lambda: cluster.condition("switch", "shop-stop", "Contested").get("message"))
    assert "kustomize-controller" in told
    assert operator.alive


def test_self_healing_argo_cd_is_reported_and_corrected(cluster: Cluster, operator: Operator) -> None:
    manifests = [deployment(), runbook()]
    managed(cluster, "argocd", *manifests)
    status = engaged(cluster)["status"]

    assert "it resets what the switch holds" in status["record"]["remarks"][0]["message"]
    with watched("deployment", cluster.namespace) as field:
        healed = rounds("argocd", manifests=manifests, namespace=cluster.namespace)
        assert objects(healed[0])["Deployment/web"]["action"] == "OutOfSync"
        cluster.until_replicas(0)
        eventually("it was seen", lambda: field.away(0))
        assert max(field.away(0)) < LONGEST_AWAY
    assert operator.alive


@pytest.mark.parametrize("side", [(), ("--server-side",)], ids=["client-side", "server-side"])
def test_argo_cd_that_respects_the_ignored_field_never_reverts_it(
    cluster: Cluster, operator: Operator, side: tuple[str, ...]
) -> None:
    manifests = [deployment(), runbook()]
    managed(cluster, "argocd", *manifests)
    options = ("--ignore", "/spec/replicas", "--respect-ignore", *side)

    with (
        contest("argocd", *options, manifests=manifests, namespace=cluster.namespace) as argo,
        watched("deployment", cluster.namespace) as field,
    ):
        engaged(cluster)
        argo.until(IN_HAND)
        synced = argo.until(ROUNDS)
        assert {objects(line)["Deployment/web"]["action"] for line in synced} == {"synced"}
        assert {objects(line)["Runbook/shop"]["action"] for line in synced} == {"synced"}
        assert len(field.away(0)) <= IN_HAND
    assert operator.alive


def test_argo_cd_that_only_ignores_the_difference_reverts_it_with_the_next_commit(
    cluster: Cluster, operator: Operator
) -> None:
    managed(cluster, "argocd", deployment(), runbook())
    engaged(cluster)
    ignoring = ("--ignore", "/spec/replicas")
    (same,) = rounds("argocd", *ignoring, manifests=[deployment(), runbook()], namespace=cluster.namespace)
    assert objects(same)["Deployment/web"] == {"object": "Deployment/web", "action": "synced", "value": 0}

    commit = deployment()
    commit["spec"]["minReadySeconds"] = 1
    with watched("deployment", cluster.namespace) as field:
        rounds("argocd", *ignoring, manifests=[commit, runbook()], namespace=cluster.namespace)
        eventually("it was seen", lambda: field.away(0))
        cluster.until_replicas(0)
    assert operator.alive


def test_helm_reverts_the_held_field_with_its_next_upgrade_and_the_throw_remarks_it(
    cluster: Cluster, operator: Operator, tmp_path: Path
) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n")
    (tmp_path / "templates" / "web.yaml").write_text(yaml.safe_dump(deployment()))
    helm(cluster, "install", "shop", str(tmp_path))
    cluster.apply(runbook())
    cluster.until_reason("switch", "shop-stop", "Ready")

    (told,) = engaged(cluster)["status"]["record"]["remarks"]
    assert (
        told["message"]
        == "Deployment/web belongs to the Helm release shop: an upgrade during the engagement overwrites the held value"
    )

    (tmp_path / "templates" / "web.yaml").write_text(yaml.safe_dump(deployment(replicas=4)))
    with watched("deployment", cluster.namespace) as field:
        helm(cluster, "upgrade", "shop", str(tmp_path), "--force-conflicts")
        eventually("it was seen", lambda: field.away(0))
        cluster.until_replicas(0)
    assert operator.alive


def helm(cluster: Cluster, *arguments: str) -> None:
    command = ["helm", "--namespace", cluster.namespace, *arguments]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_generated_switch_is_tracked_by_no_gitops_tool(cluster: Cluster, operator: Operator) -> None:
    managed(cluster, "argocd", deployment(), runbook())
    engaged(cluster)

    rounds("argocd", manifests=[deployment(), runbook()], namespace=cluster.namespace)
    rounds("flux", manifests=[runbook()], namespace=cluster.namespace, name="other")

    meta = cluster.get("switch", "shop-stop")["metadata"]
    assert [key for key in (*meta["labels"], *meta.get("annotations", {})) if "argocd" in key or "fluxcd" in key] == []
    assert cluster.get("switch", "shop-stop")["spec"]["engaged"] is True
    assert operator.alive


def test_automatic_sync_is_paused_while_the_example_is_engaged(cluster: Cluster, operator: Operator) -> None:
    text = "\n---\n".join(path.read_text() for path in sorted(EXAMPLE.glob("*.yaml")))
    cluster.run("apply", "-f", "-", stdin=text.replace("gitops-demo", cluster.namespace))
    cluster.until_reason("switch", "news-stop", "Ready")

    cluster.throw("news-stop")
    cluster.until_phase("news-stop", "Engaged")

    assert automated(cluster) == {"prune": True, "enabled": False}
    cluster.release("news-stop")
    cluster.until_phase("news-stop", "Released")
    assert automated(cluster) == {"prune": True}
    assert operator.alive


def automated(cluster: Cluster) -> Body:
    body = yaml.safe_load(cluster.run("get", "applications.argoproj.io", "news", "-o", "yaml"))
    found: Body = body["spec"]["syncPolicy"]["automated"]
    return found


def test_momentary_switch_tracked_by_flux_is_refused_until_removed_from_git(
    cluster: Cluster, operator: Operator
) -> None:
    cluster.create(deployment(), runbook())
    cluster.until_reason("switch", "shop-up", "Ready")
    label = "kustomize.toolkit.fluxcd.io/name"
    cluster.run("label", "switch", "shop-up", f"{label}=apps")
    cluster.until_reason("switch", "shop-up", "SwitchTracked")

    cluster.throw("shop-up")

    def refused() -> bool:
        return cluster.condition("switch", "shop-up", "Engaged").get("reason") == "SwitchTracked"

    eventually("the throw is refused", refused)
    assert "tracked by the Flux Kustomization apps" in cluster.condition("switch", "shop-up", "Engaged")["message"]
    assert {one["involvedObject"]["kind"] for one in cluster.events("SwitchTracked")} == {"Switch", "Runbook"}
    assert cluster.replicas() == 3
    cluster.release("shop-up")
    cluster.run("label", "switch", "shop-up", f"{label}-")
    cluster.until_reason("switch", "shop-up", "Ready")
    assert cluster.replicas() == 3
    assert operator.alive
