"""The action notify on the real API server: its Event, and the message through the channel of the contact."""

from pathlib import Path

from tests.e2e import api
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook

CONTACTS = [{"name": "primary", "role": "Primary On-Call", "notify": "slack", "escalateAfter": "15m"}]


SILENT = [{"name": "primary", "role": "Primary On-Call"}]


def document(contact: str = "primary", contacts: list[Body] = CONTACTS) -> Body:
    told = {"notify": {"contact": contact, "message": "The shop is off."}}
    entry = {"name": "stop", "actions": [{"scale": {"target": "web", "replicas": 0}}, told]}
    return runbook(contacts=contacts, killSwitches=[entry], scaling=[])


def ready(cluster: Cluster, contacts: list[Body] = CONTACTS) -> None:
    cluster.apply(deployment(), document(contacts=contacts))
    cluster.until_reason("switch", "shop-stop", "Ready")


def test_notify_creates_one_event_and_remarks_the_missing_channel(cluster: Cluster, operator: Operator) -> None:
    ready(cluster, SILENT)
    cluster.throw("shop-stop")
    identity = cluster.until_phase("shop-stop", "Engaged")["status"]["record"]["engagementId"]

    (told,) = cluster.events("Notified")
    assert told["message"] == f"primary: The shop is off. (INC-42, by kubectl-patch) [{identity}]"
    assert told["involvedObject"]["kind"] == "Switch"
    assert "primary: The shop is off." in cluster.run("events", "--for", "switch/shop-stop")
    assert {one["involvedObject"]["kind"] for one in cluster.events("NoChannel")} == {"Switch", "Runbook"}
    eventually("the switch is told of", lambda: cluster.events("Engaged"))
    assert "Event" not in {one["involvedObject"]["kind"] for one in cluster.events("Engaged")}

    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")
    assert len(cluster.events("Notified")) == 1
    assert operator.alive


def test_notify_sends_one_message_through_the_channel_of_the_contact(
    cluster: Cluster, stopped_operator: Operator, tmp_path: Path
) -> None:
    path = tmp_path / "channels.yaml"
    path.write_text("chat: {kind: event, severities: [SEV1]}\n")
    stopped_operator.launch(RUNBOOK_CHANNELS=str(path))
    ready(cluster, [{**SILENT[0], "notify": "chat"}])

    cluster.throw("shop-stop")

    cluster.until_phase("shop-stop", "Engaged")
    about = eventually("the message is sent", lambda: _messages(cluster))
    assert about == ["SEV3: The shop is off."]
    assert cluster.events("NoChannel") == []
    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")
    assert _messages(cluster) == about


def _messages(cluster: Cluster) -> list[str]:
    """The messages that the channel of kind event has created on the Runbook."""
    found = cluster.events("Notified")
    return [one["message"] for one in found if one["involvedObject"]["kind"] == "Runbook"]


def test_message_without_a_channels_file_is_logged_and_the_switch_is_thrown(
    cluster: Cluster, operator: Operator
) -> None:
    ready(cluster)

    cluster.throw("shop-stop")

    cluster.until_phase("shop-stop", "Engaged")
    eventually("the log says why", lambda: "the operator has no channels file" in operator.log())


def test_killed_operator_notifies_once_and_does_not_repeat_an_expired_event(
    cluster: Cluster, stopped_operator: Operator
) -> None:
    stopped_operator.start()
    ready(cluster)
    cluster.throw("shop-stop")
    (told,) = eventually("it is told", lambda: cluster.events("Notified"))
    stopped_operator.kill()
    stopped_operator.start()
    cluster.until_phase("shop-stop", "Engaged")
    assert len(cluster.events("Notified")) == 1

    api.delete(api.path("event", cluster.namespace, told["metadata"]["name"]))
    cluster.scale(2)
    cluster.until_replicas(0)

    assert cluster.events("Notified") == []
    assert cluster.phase("shop-stop") == "Engaged"


def test_undeclared_contact_is_refused_on_apply(cluster: Cluster) -> None:
    said = cluster.refused(document("nobody"))

    assert "names a contact that spec.contacts does not declare" in said
