"""Incidents on the real API server, with a real operator process and a real receiver of messages."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e import api
from tests.e2e.harness import ERROR_RATE, Body, Cluster, Operator, deployment, eventually, runbook
from tests.e2e.webhooks import Receiver, receiver

METRIC: Body = {one: ERROR_RATE[one] for one in ("name", "object", "critical", "period", "for", "clearFor")}
LIMITS: Body = {"recoverFor": "1s", "reopenFor": "1s"}


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def contacts(second: str = "10m") -> list[Body]:
    return [
        {"name": "primary", "role": "Primary On-Call", "notify": "chat"},
        {"name": "second", "role": "Team Lead", "notify": "pager", "escalateAfter": second},
    ]


def document(second: str = "10m", **limits: Any) -> Body:
    metric = METRIC | {"severity": "SEV2"}
    return runbook(metrics=[metric], contacts=contacts(second), incidents=LIMITS | limits)


def errors(cluster: Cluster, number: int) -> None:
    cluster.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "rate"}, "data": {"errors": str(number)}}
    )


def started(cluster: Cluster, operator: Operator, webhook: Receiver, folder: Path, document: Body) -> None:
    """Start the operator with the channels `chat` and `pager`, and wait until the Runbook is healthy."""
    errors(cluster, 1)
    cluster.apply(deployment(), document)
    operator.launch(**webhook.configure(folder / "channels", "chat", "pager"))
    cluster.until_reason("runbook", "shop", "Ready")
    eventually("the metric is Ok", lambda: cluster.condition("runbook", "shop", "Healthy").get("status") == "True")


def incidents(cluster: Cluster) -> list[Body]:
    return api.items("incident", cluster.namespace)


def opened(cluster: Cluster) -> Body:
    """Wait until the only Incident has a status."""
    found: Body
    (found,) = eventually("an incident is open", lambda: [one for one in incidents(cluster) if "status" in one])
    return found


def until(cluster: Cluster, name: str, phase: str) -> Body:
    def reached() -> Body | None:
        found = cluster.get("incident", name)
        return found if found.get("status", {}).get("phase") == phase else None

    found: Body = eventually(f"the incident {name} is {phase}", reached)
    return found


def patch(cluster: Cluster, name: str, **spec: Any) -> None:
    """As the message tells the reader to."""
    cluster.run("patch", "incidents.runbooks.dev", name, "--type", "merge", "-p", json.dumps({"spec": spec}))


def declare(cluster: Cluster, name: str, **spec: Any) -> None:
    """As a person opens an incident."""
    body = {"apiVersion": "runbooks.dev/v1alpha1", "kind": "Incident", "metadata": {"name": name}}
    cluster.run("create", "-f", "-", stdin=yaml.safe_dump(body | {"spec": {"runbook": "shop", "title": name} | spec}))


def test_critical_metric_opens_an_incident_that_is_acknowledged_and_resolved(
    cluster: Cluster, stopped_operator: Operator, webhook: Receiver, tmp_path: Path
) -> None:
    started(cluster, stopped_operator, webhook, tmp_path, document())

    errors(cluster, 50)
    incident = opened(cluster)
    name = incident["metadata"]["name"]
    (message,) = eventually("the first contact is notified", lambda: webhook.messages("chat"))
    assert message["severity"] == "SEV2"
    assert message["incident"] == name
    assert "incidents.runbooks.dev" in message["acknowledge"]
    assert name in message["acknowledge"]
    assert "acknowledged" in message["acknowledge"]
    assert incident["metadata"]["labels"]["runbooks.dev/runbook"] == "shop"
    assert "ownerReferences" not in incident["metadata"]
    eventually(
        "the next contact is shown", lambda: "second" in cluster.get("incident", name)["status"]["columns"]["next"]
    )

    patch(cluster, name, acknowledged=True)
    status = until(cluster, name, "Acknowledged")["status"]
    assert not status["escalation"].get("nextAt")
    assert status["acknowledgedBy"]

    errors(cluster, 1)
    status = until(cluster, name, "Resolved")["status"]
    assert "Recovering" in {one["kind"] for one in status["timeline"]}
    eventually("the end is reported", lambda: webhook.messages("chat", "resolved"))
    assert len(webhook.messages("chat", "opened")) == 1
    assert webhook.messages("pager") == []
    assert [one["metadata"]["name"] for one in incidents(cluster)] == [name]
    assert stopped_operator.alive


def test_unanswered_incident_notifies_the_second_contact(
    cluster: Cluster, stopped_operator: Operator, webhook: Receiver, tmp_path: Path
) -> None:
    started(cluster, stopped_operator, webhook, tmp_path, document(second="2s"))

    errors(cluster, 50)

    (message,) = eventually("the second contact is notified", lambda: webhook.messages("pager"))
    assert message["incident"] == opened(cluster)["metadata"]["name"]
    assert len(webhook.messages("chat", "opened")) == 1


def test_operator_killed_before_the_send_sends_the_owed_message_once_under_its_id(
    cluster: Cluster, stopped_operator: Operator, tmp_path: Path
) -> None:
    with receiver() as absent:
        pass
    started(cluster, stopped_operator, absent, tmp_path, document())
    errors(cluster, 50)
    name = opened(cluster)["metadata"]["name"]
    (owed,) = eventually("a message is owed", lambda: cluster.get("incident", name)["status"].get("deliveries"))
    assert owed["state"] == "Owed"
    stopped_operator.kill()

    with receiver(absent.port) as webhook:
        stopped_operator.launch(**webhook.configure(tmp_path / "channels", "chat", "pager"))

        def sent() -> bool:
            (delivery,) = cluster.get("incident", name)["status"]["deliveries"]
            return bool(delivery["state"] == "Sent")

        eventually("the message is sent", sent)
        assert [body["id"] for _, body in webhook.received] == [owed["id"]]


def test_incident_of_a_person_notifies_and_is_resolved_by_the_person(
    cluster: Cluster, stopped_operator: Operator, webhook: Receiver, tmp_path: Path
) -> None:
    started(cluster, stopped_operator, webhook, tmp_path, document())

    declare(cluster, "checkout-fails", severity="SEV1", title="Customers cannot pay")

    (message,) = eventually("the first contact is notified", lambda: webhook.messages("chat"))
    assert (message["severity"], message["title"]) == ("SEV1", "Customers cannot pay")
    until(cluster, "checkout-fails", "Open")
    patch(cluster, "checkout-fails", resolved=True, resolution="The provider is back")
    until(cluster, "checkout-fails", "Resolved")
    eventually("the end is reported", lambda: webhook.messages("chat", "resolved"))


def test_stalled_channel_does_not_delay_a_switch(
    cluster: Cluster, stopped_operator: Operator, webhook: Receiver, tmp_path: Path
) -> None:
    started(cluster, stopped_operator, webhook, tmp_path, document())
    webhook.answers.clear()
    declare(cluster, "slow")
    eventually("the channel has the message and does not answer", lambda: webhook.messages("chat"))

    cluster.throw_when_there("shop-stop")

    cluster.until_replicas(0)
    assert cluster.get("incident", "slow")["status"]["deliveries"][0]["state"] == "Owed"
    webhook.answers.set()


def test_retention_deletes_the_oldest_resolved_incident(
    cluster: Cluster, stopped_operator: Operator, webhook: Receiver, tmp_path: Path
) -> None:
    started(cluster, stopped_operator, webhook, tmp_path, document(keep=1))
    for name in ("first", "other"):
        declare(cluster, name)
        until(cluster, name, "Open")
        patch(cluster, name, resolved=True)
        until(cluster, name, "Resolved")

    eventually("only the newest is left", lambda: [one["metadata"]["name"] for one in incidents(cluster)] == ["other"])
