"""Channels on the real API server: `runbook-operator channels`, and an operator that runs with channels."""

import os
import subprocess
import sys
from pathlib import Path

from tests.e2e.harness import Cluster, Operator, deployment, eventually, runbook

CHANNELS = "log: {kind: event}\nchat: {kind: slack, urlFile: nothing, fallback: log}\n"


def channels(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "runbook_operator", "channels", *arguments]
    return subprocess.run(command, env=os.environ, text=True, capture_output=True, check=False)


def test_test_message_of_an_event_channel_is_an_event_in_the_namespace(cluster: Cluster, tmp_path: Path) -> None:
    path = tmp_path / "channels.yaml"
    path.write_text(CHANNELS)

    done = channels("test", "log", "--as-namespace", cluster.namespace, "--channels", str(path))

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("log (event): the receiver accepted the message after ")
    messages = cluster.run("get", "events", "-o", "jsonpath={.items[*].message}")
    assert "SEV4 test: Test message of Runbook Operator" in messages


def test_test_message_for_a_namespace_that_does_not_exist_is_not_delivered(tmp_path: Path, cluster: Cluster) -> None:
    path = tmp_path / "channels.yaml"
    path.write_text(CHANNELS)

    done = channels("test", "log", "--as-namespace", f"{cluster.namespace}-x", "--channels", str(path))

    assert done.returncode == 1
    assert "log (event): not delivered: the Event was not created: NotFound" in done.stdout


def test_operator_with_a_wrong_channel_logs_its_field_and_throws_switches(
    cluster: Cluster, stopped_operator: Operator, tmp_path: Path
) -> None:
    path = tmp_path / "channels.yaml"
    path.write_text(CHANNELS)
    cluster.apply(deployment(), runbook())

    stopped_operator.launch(RUNBOOK_CHANNELS=str(path))
    cluster.throw_when_there("shop-stop")

    cluster.until_phase("shop-stop", "Engaged")
    eventually("the log names the field", lambda: '"problem": "urlFile: ' in stopped_operator.log())
