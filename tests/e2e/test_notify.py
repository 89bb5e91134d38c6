"""What a contact is told, on the real API server."""

from tests.e2e import api
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook

CONTACTS = [{"name": "primary", "role": "Primary On-Call", "notify": "slack", "escalateAfter": "15m"}]


def document(contact: str = "primary") -> Body:
    told = {"notify": {"contact": contact, "message": "The shop is off."}}
    entry = {"name": "stop", "actions": [{"scale": {"target": "web", "replicas": 0}}, told]}
    return runbook(contacts=CONTACTS, killSwitches=[entry], scaling=[])


def ready(cluster: Cluster) -> None:
    cluster.apply(deployment(), document())
    cluster.until_reason("switch", "shop-stop", "Ready")


def test_notify_sends_one_event_and_remarks_the_missing_channel(cluster: Cluster, operator: Operator) -> None:
    ready(cluster)
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
