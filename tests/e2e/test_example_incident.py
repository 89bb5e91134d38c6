"""The example with an incident: its message names the switch, and the commands in it work as typed."""

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import api
from tests.e2e.harness import Body, Cluster, Operator, eventually
from tests.e2e.webhooks import Receiver, receiver

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "16-incident"
NO_PODS: Body = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "no-pods"},
    "spec": {"hard": {"pods": "0"}},
}


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def run(command: str) -> None:
    """Run a command of a message as a person pastes it."""
    subprocess.run(shlex.split(command), check=True, capture_output=True)


def incident(cluster: Cluster) -> Body:
    found: Body
    (found,) = api.items("incident", cluster.namespace)
    return found


def test_message_of_the_example_has_commands_that_work(
    cluster: Cluster, stopped_operator: Operator, webhook: Receiver, tmp_path: Path
) -> None:
    cluster.apply(NO_PODS)
    cluster.run("apply", "-f", str(EXAMPLE))
    stopped_operator.launch(**webhook.configure(tmp_path / "channels", "chat", "pager"))
    cluster.until_reason("switch", "tickets-read-only", "Ready")

    cluster.run("patch", "configmap", "tickets-numbers", "--type", "merge", "-p", '{"data":{"errorPercent":"12"}}')
    message: dict[str, Any]
    (message,) = eventually("the first contact is notified", lambda: webhook.messages("chat"))

    assert message["title"] == "Tickets: Ticket sales fail"
    assert message["likelyCause"] == "The payment provider answers with errors"
    assert message["nextContact"].startswith("secondary (Secondary On-Call) at ")
    assert [one["text"] for one in message["links"]] == ["Dashboard", "Logs"]
    run(message["firstAction"]["command"])
    cluster.until_phase("tickets-read-only", "Engaged")
    run(message["acknowledge"])
    eventually("it is acknowledged", lambda: incident(cluster)["status"]["phase"] == "Acknowledged")
    name = incident(cluster)["metadata"]["name"]
    cluster.run("patch", "incidents.runbooks.dev", name, "--type", "merge", "-p", '{"spec":{"resolved":true}}')
    eventually("it is resolved", lambda: incident(cluster)["status"]["phase"] == "Resolved")
    cluster.release("tickets-read-only")
    cluster.until_phase("tickets-read-only", "Released")
    assert cluster.get("runbook", "tickets")["status"].get("conditions")
