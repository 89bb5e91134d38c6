"""Installed, tested, upgraded, rolled back, uninstalled and installed again, with a switch engaged all the while."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab import image, node
from lab.layout import here
from lab.up import Lab
from tests.e2e import api, release
from tests.e2e.harness import ROLLOUT, Body, Cluster, deployment, eventually, kubectl, runbook
from tests.e2e.release import Release
from tools.chart.package import package

pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]
LEFT_BY_HELM = (
    "deployments,jobs,pods,services,configmaps,serviceaccounts,roles,rolebindings,poddisruptionbudgets,networkpolicies"
)
LEFT_IN_THE_CLUSTER = "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings"


def newest_tag() -> str:
    """The tag of the last release before this commit, empty where nothing was released yet."""
    command = ["git", "describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^"]
    return subprocess.run(command, cwd=here().checkout, text=True, capture_output=True, check=False).stdout.strip()


@pytest.fixture
def now(namespace: str, node: str, tmp_path: Path) -> Iterator[Release]:
    """The chart and the image of this checkout."""
    assert node
    release.only_on_the_lab()
    yield Release(package(tmp_path), image.loaded(here()), namespace)
    release.remove(namespace)


def test_release_is_upgraded_rolled_back_and_uninstalled_with_an_engaged_switch(cluster: Cluster, now: Release) -> None:
    now.install(uninstall={"engaged": "Release"})
    now.do("test", now.name, release.PATIENCE)
    cluster.apply(deployment(), runbook(scaling=[]))
    cluster.throw_when_there("shop-stop")
    cluster.until_replicas(0)
    engaged = cluster.until_phase("shop-stop", "Engaged")
    first = now.pods()

    replace(now, image=next_tag(now.image)).upgrade(uninstall={"engaged": "Refuse"})
    assert len(now.pods()) == 2
    assert not set(now.pods()) & set(first)
    still_held(cluster, engaged)

    refused = now.tried("uninstall", now.name, "--wait", release.PATIENCE)
    assert refused.returncode != 0
    assert f"Switch {now.name}/shop-stop is Engaged since" in refused.stdout + refused.stderr
    still_held(cluster, engaged)

    now.do("rollback", now.name, "1", "--force-conflicts", "--wait", release.PATIENCE)
    still_held(cluster, engaged)

    leader = now.leader()
    api.delete(api.path("pod", now.name, leader))
    eventually("another pod leads", lambda: now.leader() not in ("", leader), seconds=ROLLOUT)
    still_held(cluster, engaged)

    now.do("uninstall", now.name, "--wait", release.PATIENCE)

    assert cluster.replicas() == 3
    assert marks(cluster) == []
    nothing_is_left(now)
    assert cluster.get("runbook", "shop")


def test_switch_kept_at_uninstall_is_held_by_the_next_release_and_restored_without_operator(
    cluster: Cluster, now: Release
) -> None:
    now.install(replicas=1, uninstall={"engaged": "Keep"})
    cluster.apply(deployment(), runbook(scaling=[]))
    cluster.throw_when_there("shop-stop")
    engaged = cluster.until_phase("shop-stop", "Engaged")

    now.do("uninstall", now.name, "--wait", release.PATIENCE)
    assert cluster.replicas() == 0
    assert engagement(cluster.get("switch", "shop-stop")) == engagement(engaged)
    # So that the namespace could be deleted now, although no operator is there.
    assert marks(cluster) == []
    nothing_is_left(now)

    now.install(replicas=1)
    eventually("what is held is guarded again", lambda: len(marks(cluster)) == 1)
    still_held(cluster, engaged)

    cluster.scale(0, name=now.fullname)
    eventually("no operator is there", lambda: not now.pods(), seconds=ROLLOUT)
    now.do("uninstall", now.name, "--wait", release.PATIENCE)

    assert cluster.replicas() == 3
    assert marks(cluster) == []


@pytest.mark.skipif(not newest_tag(), reason="nothing was released yet, so that no upgrade from a release was tested")
def test_previous_release_is_upgraded_with_an_engaged_switch(cluster: Cluster, now: Release, tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    chart, made = released(newest_tag(), tmp_path / "before")
    replace(now, chart=chart, image=made).install()
    cluster.apply(deployment(), runbook(scaling=[]))
    cluster.throw_when_there("shop-stop")
    engaged = cluster.until_phase("shop-stop", "Engaged")

    now.upgrade()

    still_held(cluster, engaged)
    now.do("uninstall", now.name, "--wait", release.PATIENCE)
    assert cluster.replicas() == 3


def still_held(cluster: Cluster, engaged: Body) -> None:
    """By the same engagement, which has written to the target once, and whoever leads puts back what deviates."""
    assert cluster.get("switch", "shop-stop")["status"]["record"]["engagementId"] == engagement(engaged)
    assert cluster.replicas() == 0
    cluster.scale(5)
    eventually("it is put back", lambda: cluster.replicas() == 0, seconds=ROLLOUT)
    saved = cluster.get("switch", "shop-stop")["status"]["record"]["actions"][0]["saved"]
    assert saved == engaged["status"]["record"]["actions"][0]["saved"]


def engagement(switch: Body) -> str:
    return str(switch["status"]["record"]["engagementId"])


def marks(cluster: Cluster) -> list[str]:
    """What only an operator, or an uninstall, takes off."""
    return cluster.run("get", "switches,runbooks", "-o", "jsonpath={.items[*].metadata.finalizers[*]}").split()


def nothing_is_left(now: Release) -> None:
    """But the CRDs, which are kept, and pods that are about to end."""
    labels = f"app.kubernetes.io/instance={now.name}"
    pods = f"{api.path('pod', now.name)}?labelSelector={labels}"
    eventually("the pods have ended", lambda: not api.get(pods)["items"], seconds=ROLLOUT)
    assert left("--namespace", now.name, LEFT_BY_HELM, "--selector", labels) == []
    assert left(LEFT_IN_THE_CLUSTER, "--selector", labels) == []
    assert kubectl("get", "crd", "switches.runbooks.dev", "-o", "name")


def left(*which: str) -> list[str]:
    return kubectl("get", *which, "-o", "name").split()


def next_tag(name: str) -> str:
    """The same image by another tag, which is as good as the next release for whoever compares tags."""
    fresh = f"{name}-next"
    command = Lab(here()).run_inside(node.ctr(here(), "images", "tag", "--force", name, fresh))
    subprocess.run(command, check=True, capture_output=True)
    return fresh


def released(tag: str, folder: Path) -> tuple[Path, str]:
    """The chart and the image of the release, made of its sources."""
    tree = folder / tag
    tree.mkdir()
    files = subprocess.check_output(["git", "archive", tag], cwd=here().checkout)
    subprocess.run(["tar", "--extract", "--directory", str(tree)], input=files, check=True)
    version = tag.removeprefix("v")
    numbers = [f"--version={version}", f"--app-version={version}", f"--destination={folder}"]
    subprocess.run(["helm", "package", str(tree / "charts" / "runbook-operator"), *numbers], check=True)
    return folder / f"runbook-operator-{version}.tgz", image.loaded(here(), tree)
