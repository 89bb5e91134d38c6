"""`runbook-operator postmortem` against a real API server."""

import json
import subprocess
import sys

from tests.e2e.harness import Body, Cluster, runbook

INCIDENT: Body = {
    "apiVersion": "runbooks.dev/v1alpha1",
    "kind": "Incident",
    "metadata": {"name": "shop-1"},
    "spec": {"runbook": "shop", "title": "Errors <b>", "severity": "SEV2", "postMortem": {"wentWell": "The rollback."}},
}
STATUS: Body = {
    "phase": "Acknowledged",
    "openedAt": "2026-12-01T03:01:00Z",
    "acknowledgedAt": "2026-12-01T03:08:00Z",
    "acknowledgedBy": "alice",
}


def postmortem(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "runbook_operator", "postmortem", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_post_mortem_of_a_stored_incident_is_printed(cluster: Cluster) -> None:
    cluster.create(INCIDENT)
    patch = ("patch", "incidents.runbooks.dev", "shop-1", "--subresource", "status", "--type", "merge")
    cluster.run(*patch, "-p", json.dumps({"status": STATUS}))

    without = postmortem("shop-1", "-n", cluster.namespace)
    cluster.create(runbook(severities=[{"level": "SEV2", "definition": "Users see errors"}]))
    found = postmortem("shop-1", "-n", cluster.namespace)

    assert (without.returncode, found.returncode) == (0, 0), without.stderr + found.stderr
    assert "# Post-mortem: Errors &lt;b>\n" in found.stdout
    assert (
        "| Acknowledged by alice | 2026-12-01T03:08:00Z | 7m after the opening (time to acknowledge) |" in found.stdout
    )
    assert "The rollback." in found.stdout
    assert "| Severity | SEV2: Users see errors |" in found.stdout
    assert "shop (it no longer exists)" in without.stdout


def test_missing_incident_is_reported_with_the_command_that_lists_them(cluster: Cluster) -> None:
    missing = postmortem("gone", "-n", cluster.namespace)

    assert (missing.returncode, missing.stdout) == (1, "")
    listed = f"kubectl -n {cluster.namespace} get incidents.runbooks.dev"
    assert missing.stderr == f"there is no Incident gone in namespace {cluster.namespace}; to list them: {listed}\n"
