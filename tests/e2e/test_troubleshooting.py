"""Every command of docs/troubleshooting.md, run against an engaged switch of the names that the page uses."""

import subprocess
from pathlib import Path

import pytest

from tests.e2e.harness import Cluster, Operator, deployment, runbook

PAGE = Path(__file__).resolve().parents[2] / "docs" / "troubleshooting.md"


def commands() -> list[tuple[str, str]]:
    """Each command of the page, and the first line that it prints there; empty where the page shows none."""
    lines = [line.strip() for line in PAGE.read_text().splitlines()]
    found = zip(lines, [*lines[1:], ""], strict=True)
    shown = ((line.removeprefix("$ "), after) for line, after in found if line.startswith("$ "))
    return [(command, "" if after.startswith(("$ ", "```")) else after) for command, after in shown]


def test_every_documented_command_works_as_shown(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(deployment(), runbook(metrics=[{"name": "errors", "query": "up", "critical": "> 1"}]))
    cluster.throw_when_there("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")

    for command, shown in commands():
        line = command.replace("kubectl ", f"kubectl --namespace {cluster.namespace} ", 1)
        line = line.replace("NAMESPACE", cluster.namespace)
        done = subprocess.run(line, shell=True, text=True, capture_output=True, check=False)  # noqa: S602 # the page's own
        assert (done.returncode == 0) is not shown.startswith("Warning:"), f"{line}\n{done.stderr}"
        assert shown in done.stdout + done.stderr
    assert operator.alive


@pytest.mark.parametrize("value", ["off", "on", "yes"])
def test_bare_yaml_boolean_is_refused_as_documented(cluster: Cluster, value: str) -> None:
    meta = "{apiVersion: runbooks.dev/v1alpha1, kind: Runbook, metadata: {name: shop}, spec: "
    entry = f"{{name: {value}, actions: [{{scale: {{target: web, replicas: 0}}}}]}}"
    text = f"{meta}{{title: Shop, targets: [{{name: web, workload: {{name: web}}}}], killSwitches: [{entry}]}}}}"
    command = ["kubectl", "--namespace", cluster.namespace, "apply", "-f", "-"]

    bare = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    quoted = text.replace(f"name: {value},", f'name: "{value}",')
    subprocess.run(command, input=quoted, text=True, capture_output=True, check=True)

    assert 'must be of type string: "boolean"' in bare.stderr
