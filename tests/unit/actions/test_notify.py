"""notify creates one Event per engagement, and remarks a contact without a channel."""

import pytest
from pydantic import ValidationError

from runbook_operator.api.runbook import RunbookSpec
from runbook_operator.core.reasons import Reason
from runbook_operator.core.writes import Create
from runbook_operator.reconcile.steps import WriteTarget
from runbook_operator.reconcile.target_index import held_by
from tests.builders import Body, Simulation, condition, kill_switch, runbook_body, scale, workload_body

CONTACTS: list[Body] = [{"name": "primary", "role": "Primary On-Call", "notify": "slack", "escalateAfter": "15m"}]


def notify(message: str = "The shop is off.", contact: str = "primary") -> Body:
    return {"notify": {"contact": contact, "message": message}}


def ready(*actions: Body) -> Simulation:
    simulation = Simulation().with_object(workload_body(3))
    return simulation.with_runbook(contacts=CONTACTS, killSwitches=[kill_switch("stop", *actions or (notify(),))])


def thrown(*actions: Body) -> Simulation:
    return ready(*actions).throw().drive()


def events(simulation: Simulation) -> list[Body]:
    return [body for ref, body in simulation.objects.items() if ref.kind == "Event"]


def made(simulation: Simulation) -> int:
    return sum(isinstance(step, WriteTarget) and isinstance(step.effect, Create) for step in simulation.steps)


def test_event_carries_the_message_and_the_reason_of_the_throw() -> None:
    simulation = thrown()

    (event,) = events(simulation)
    record = simulation.status().record
    assert record is not None
    assert event["reason"] == "Notified"
    assert event["message"] == f"primary: The shop is off. (INC-42, by kubectl-patch) [{record.engagement_id}]"
    assert event["involvedObject"] == {
        "apiVersion": "runbooks.dev/v1alpha1",
        "kind": "Switch",
        "namespace": "shop",
        "name": "shop-stop",
        "uid": "uid-stop",
    }
    assert event["firstTimestamp"] == event["lastTimestamp"] == "2026-11-24T03:00:00Z"
    assert event["metadata"]["ownerReferences"][0]["uid"] == "uid-stop"


def test_contact_without_channel_is_remarked() -> None:
    simulation = Simulation().with_object(workload_body(3))
    silent = [{"name": "primary", "role": "Primary On-Call"}]
    simulation.with_runbook(contacts=silent, killSwitches=[kill_switch("stop", notify())]).throw().drive()

    remarks = [notice.message for notice in simulation.said if notice.reason is Reason.NO_CHANNEL]
    assert "contact primary gets no message, only an Event on the Switch: its entry in spec.contacts" in remarks[0]


def test_contact_with_channel_is_not_remarked() -> None:
    assert [notice for notice in thrown().said if notice.reason is Reason.NO_CHANNEL] == []


def test_message_without_reason_is_short_and_long_message_fits_an_event() -> None:
    simulation = ready(notify("x" * 512)).throw(reason="").drive()
    assert events(simulation)[0]["message"].startswith("primary: xxx")
    assert "(by kubectl-patch)" in events(simulation)[0]["message"]

    long = ready(notify("x" * 512)).throw(reason="y" * 1024).drive()
    assert len(events(long)[0]["message"]) == 1024


@pytest.mark.parametrize("crash", range(1, 6))
def test_crash_after_any_step_sends_one_event(crash: int) -> None:
    simulation = ready().drive().throw().drive(at_most=crash).restart().drive()

    assert (made(simulation), len(events(simulation))) == (1, 1)


def test_expired_event_is_not_sent_again() -> None:
    simulation = thrown(notify(), scale(replicas=0))
    (ref,) = [ref for ref in simulation.objects if ref.kind == "Event"]
    assert ref not in held_by(simulation.switch())

    simulation.remove(ref).after(hours=2).drive()

    assert made(simulation) == 1
    assert simulation.status().phase == "Engaged"


def test_notify_reports_no_event_about_its_own_event() -> None:
    simulation = thrown(notify(), scale(replicas=0))

    engaged = [notice for notice in simulation.said if notice.reason is Reason.ENGAGED]
    assert {notice.about.kind for notice in engaged} == {"Switch", "Runbook", "Deployment"}
    assert condition(simulation.status(), "Engaged")[0] == "True"


def test_each_throw_sends_a_new_event() -> None:
    simulation = thrown().release().drive().throw().drive()

    assert len(events(simulation)) == 2


def test_undeclared_contact_is_refused() -> None:
    spec = runbook_body(contacts=CONTACTS, killSwitches=[kill_switch("stop", notify(contact="nobody"))])["spec"]

    with pytest.raises(ValidationError, match=r"names contact nobody, which the Runbook does not declare"):
        RunbookSpec.model_validate(spec)
