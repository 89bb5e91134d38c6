"""Removing an engaged switch from its Runbook: kubectl warns, an Event reports it, and what was held is restored."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, fresh_namespace, runbook
from tests.e2e.people import policies

STOP: Body = {"name": "stop", "actions": [{"scale": {"target": "web", "replicas": 0}}]}
KEPT: Body = STOP | {"onDelete": "Keep"}
OTHER: Body = {"name": "other", "actions": [{"scale": {"target": "web", "replicas": 1}}]}


@pytest.fixture(scope="module")
def guarded(_crds: None) -> Iterator[Cluster]:
    """A namespace with the chart's policies as they are by default."""
    with fresh_namespace() as name, policies(name):
        yield Cluster(name)


@pytest.fixture
def serving(guarded: Cluster, tmp_path: Path) -> Iterator[Cluster]:
    """The namespace with an operator, and nothing else in it."""
    operator = Operator(guarded.namespace, tmp_path)
    operator.start()
    try:
        yield guarded
    finally:
        guarded.clear()
        operator.stop()


def printed(cluster: Cluster, *arguments: str, document: Body | None = None) -> str:
    """Both outputs of a kubectl that succeeds."""
    command = ["kubectl", "--namespace", cluster.namespace, *arguments]
    text = yaml.safe_dump(document) if document else None
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=True)
    return done.stderr + done.stdout


def engaged(cluster: Cluster, *entries: Body) -> None:
    cluster.apply(deployment(), runbook(killSwitches=list(entries), scaling=[]))
    cluster.throw_when_there("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")
    eventually("the Runbook lists it", lambda: listed(cluster) == ["stop"])


def listed(cluster: Cluster) -> list[str]:
    found: list[str] = cluster.get("runbook", "shop")["status"].get("engagedSwitches", [])
    return found


def warning(cluster: Cluster, *arguments: str, document: Body | None = None) -> str:
    """What kubectl warns of, once the API server has taken the policy up; a dry run changes nothing."""

    def tried() -> str:
        output = printed(cluster, *arguments, "--dry-run=server", document=document)
        return output if "Warning:" in output else ""

    text: str = eventually("kubectl warns", tried)
    return text


def test_apply_that_removes_an_engaged_switch_warns_and_restores(serving: Cluster) -> None:
    engaged(serving, STOP, OTHER)
    without = runbook(killSwitches=[OTHER], scaling=[])

    assert "Warning:" not in printed(serving, "apply", "-f", "-", document=runbook(killSwitches=[STOP], scaling=[]))
    warning(serving, "apply", "-f", "-", document=without)
    output = printed(serving, "apply", "-f", "-", document=without)

    kept = "the operator restores what it holds and deletes it"
    text = f"switch shop-stop is engaged and the Runbook no longer declares it: {kept}"
    assert text in output
    assert "runbook.runbooks.dev/shop configured" in output
    serving.until_replicas(3)
    events = eventually("the Event", lambda: serving.events("SwitchDropped"))
    assert {one["involvedObject"]["kind"] for one in events} == {"Runbook", "Switch"}
    assert all(one["type"] == "Warning" and text.removeprefix("switch ") in one["message"] for one in events)


def test_deletion_of_a_runbook_with_an_engaged_switch_warns(serving: Cluster) -> None:
    engaged(serving, KEPT)

    output = warning(serving, "delete", "runbook", "shop")

    kept = "the operator leaves what it holds (onDelete: Keep) and deletes it"
    assert f"switch shop-stop is engaged and its Runbook is being deleted: {kept}" in output
