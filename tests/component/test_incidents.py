"""The controller of Incidents: its writes, and the messages that it submits, over an API server in memory."""

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from runbook_operator.controller.incident_messages import AGAIN
from runbook_operator.delivery.orders import NO_CHANNELS, Report, Result
from runbook_operator.kube import errors
from tests.fakes.incident_rig import IncidentRig
from tests.incident_bodies import INCIDENT, PATH, incident_body


def failing(error: errors.ApiError, suffix: str = "/status") -> Any:
    def fault(_method: str, path: str) -> None:
        if path.endswith(suffix):
            raise error

    return fault


async def test_message_is_submitted_once_after_the_status_that_owes_it_is_stored() -> None:
    rig = IncidentRig()
    rig.kube.fault = failing(errors.UnavailableError("no answer"))
    await rig.look()
    assert rig.orders.taken == []

    rig.kube.fault = lambda _method, _path: None
    status = await rig.look()

    assert [(one.id, one.state) for one in status.deliveries] == [(rig.orders.taken[0].message.id, "Owed")]
    (order,) = rig.orders.taken
    assert (order.channel, order.namespace, order.message.kind) == ("chat", "shop", "opened")
    assert order.is_due()
    await rig.look()
    assert rig.orders.taken == [order]


async def test_new_leader_submits_the_message_that_the_stored_status_owes_under_the_same_id() -> None:
    rig = IncidentRig()
    await rig.look()
    (sent,) = rig.orders.taken

    successor = IncidentRig(rig.kube.objects[PATH])
    await successor.look()

    assert [one.message.id for one in successor.orders.taken] == [sent.message.id]


async def test_delivered_message_becomes_sent_in_the_status_and_is_not_sent_again() -> None:
    rig = IncidentRig()
    await rig.look()
    rig.orders.taken[0].done(Report("Delivered", "chat", 2))
    assert INCIDENT in rig.queue._ready

    status = await rig.look()

    assert [(one.state, one.tries, one.why) for one in status.deliveries] == [("Sent", 2, "")]
    assert not rig.orders.taken[0].is_due()
    await rig.look()
    assert len(rig.orders.taken) == 1
    assert rig.controller.messages.outcomes(rig.store.incidents.objects[INCIDENT]) == {}


@pytest.mark.parametrize("result", ["GivenUp", "NoChannel", "Limited", "NotTaken"])
async def test_undelivered_message_is_given_up_with_its_reason(result: Result) -> None:
    rig = IncidentRig()
    await rig.look()
    rig.orders.taken[0].done(Report(result, "chat", 6, "the receiver answered 404"))

    status = await rig.look()

    given_up = status.deliveries[0]
    assert (given_up.state, given_up.tries, given_up.why) == ("GivenUp", 6, "the receiver answered 404")


async def test_acknowledgement_before_the_send_drops_the_message() -> None:
    rig = IncidentRig()
    await rig.look()
    rig.patch(acknowledged=True)
    assert not rig.orders.taken[0].is_due()
    rig.orders.taken[0].done(Report("Dropped", "chat", 0, "it was not due any more when it was to be sent"))

    status = await rig.look()

    assert status.deliveries[0].state == "Dropped"


async def test_operator_without_channels_gives_the_message_up_and_names_the_setting() -> None:
    rig = IncidentRig(unavailable=NO_CHANNELS)
    await rig.look()
    assert INCIDENT in rig.queue._ready

    status = await rig.look()

    assert (status.deliveries[0].state, status.deliveries[0].why) == ("GivenUp", NO_CHANNELS)
    assert "RUNBOOK_CHANNELS" in NO_CHANNELS


async def test_message_that_a_full_sender_does_not_take_stays_owed_and_is_submitted_later() -> None:
    rig = IncidentRig()
    rig.orders.full = True
    status = await rig.look()
    assert status.deliveries[0].state == "Owed"
    due = rig.queue._later[INCIDENT].when()

    rig.orders.full = False
    await rig.look()

    assert len(rig.orders.taken) == 1
    assert due <= rig.queue._later[INCIDENT].when() + AGAIN


async def test_refused_status_does_not_keep_back_the_messages_of_the_stored_one() -> None:
    rig = IncidentRig()
    await rig.look()
    successor = IncidentRig(rig.kube.objects[PATH])
    successor.kube.fault = failing(errors.ForbiddenError("may not patch incidents/status"))
    successor.patch(severity="SEV1")

    await successor.look()

    assert len(successor.orders.taken) == 1


async def test_replica_that_no_longer_leads_sends_nothing_and_its_successor_does() -> None:
    rig = IncidentRig()
    await rig.look()
    rig.leads = False
    (order,) = rig.orders.taken
    assert not order.is_due()
    order.done(Report("Dropped", "chat", 0, "it was not due any more when it was to be sent"))
    await rig.look()
    assert len(rig.orders.taken) == 1

    rig.leads = True
    status = await rig.look()

    assert status.deliveries[0].state == "Owed"
    assert len(rig.orders.taken) == 2


async def test_message_about_a_deleted_incident_is_not_sent_for_a_new_one_of_its_name() -> None:
    rig = IncidentRig()
    await rig.look()
    rig.store.forget(INCIDENT)
    await rig.reconciler.visit(INCIDENT)
    assert not rig.orders.taken[0].is_due()

    again = incident_body()
    again["metadata"] |= {"uid": "uid-again", "resourceVersion": "200"}
    rig.kube.objects[PATH], rig.kube.version = again, 200
    rig.store.put(again)
    await rig.look()

    assert not rig.orders.taken[0].is_due()
    assert rig.orders.taken[1].is_due()


async def test_message_about_an_incident_that_is_being_deleted_is_not_submitted() -> None:
    rig = IncidentRig()
    rig.orders.full = True
    await rig.look()
    body = rig.kube._patched(PATH, {"metadata": {"deletionTimestamp": "2026-11-24T03:00:00Z", "finalizers": ["x"]}})
    rig.store.put(body)
    rig.orders.full = False

    rig.controller.messages.submit(INCIDENT)

    assert rig.orders.taken == []


def value(rig: IncidentRig, name: str, **labels: str) -> float:
    text, _ = rig.reconciler.metrics.render()
    families = text_string_to_metric_families(text.decode())
    found = [one.value for family in families for one in family.samples if (one.name, one.labels) == (name, labels)]
    assert len(found) == 1, f"{name} {labels}"
    return found[0]


async def test_metrics_count_incidents_by_severity_and_phase_and_owed_messages_without_names() -> None:
    rig = IncidentRig()
    rig.controller.expose(rig.reconciler.metrics)
    await rig.look()

    assert value(rig, "runbook_operator_incidents", severity="SEV2", phase="Open") == 1
    assert value(rig, "runbook_operator_incidents", severity="SEV1", phase="Open") == 0
    assert value(rig, "runbook_operator_notifications_owed") == 1
    text, _ = rig.reconciler.metrics.render()
    assert b"shop-1" not in text
    assert b"primary" not in text


async def test_first_acknowledgement_and_the_end_are_observed_once_each() -> None:
    rig = IncidentRig()
    await rig.look()
    rig.patch(acknowledged=True)
    await rig.look()
    rig.patch(resolved=True)
    await rig.look()
    await rig.look()

    acknowledged, resolved = (f"runbook_operator_incident_{which}_seconds" for which in ("acknowledge", "resolve"))
    assert value(rig, f"{acknowledged}_count", severity="SEV2") == 1
    assert value(rig, f"{resolved}_count", severity="SEV2") == 1
    sums = [value(rig, f"{name}_sum", severity="SEV2") for name in (acknowledged, resolved)]
    assert 0 < sums[0] < sums[1]
