"""The message of the action notify, from the write that creates its Event."""

from typing import Any

import pytest

from runbook_operator.core.writes import Create
from runbook_operator.reconcile.steps import WriteTarget
from runbook_operator.switches.notify_message import Notification, notification
from tests.builders import Body, Simulation, kill_switch, scale, workload_body

NOTIFY: Body = {"notify": {"contact": "primary", "message": "The shop is off."}}
CONTACT: Body = {"name": "primary", "role": "Primary On-Call", "notify": "chat", "to": "shop@example.com"}
LINKS = [{"name": "dashboard", "url": "https://grafana.example.com/d/1"}]


def ready(**spec: Any) -> Simulation:
    spec = {"contacts": [CONTACT], "links": LINKS} | spec
    entry = kill_switch("stop", scale(replicas=0), NOTIFY)
    return Simulation().with_object(workload_body(3)).with_runbook(killSwitches=[entry], **spec).drive()


def found(simulation: Simulation) -> list[Notification]:
    """The messages that follow from the writes of a throw."""
    simulation.throw().drive()
    writes = [step for step in simulation.steps if isinstance(step, WriteTarget)]
    return [one for step in writes if (one := notification(simulation.snapshot(), step))]


def test_created_event_sends_one_message_through_the_channel_of_the_contact() -> None:
    simulation = ready()

    (sent,) = found(simulation)

    (event,) = [ref.name for ref in simulation.objects if ref.kind == "Event"]
    message = sent.message
    assert (sent.channel, message.recipient, message.kind) == ("chat", "shop@example.com", "notice")
    assert message.id == message.dedup_key == f"notify.{event}"
    assert message.title == "The shop is off."
    assert message.first_action
    assert message.first_action.text == "Switch shop-stop is engaged by kubectl-patch: INC-42"
    assert message.first_action.command == "kubectl get switches.runbooks.dev shop-stop -n shop -o wide"
    assert [(one.text, one.url) for one in message.links] == [("dashboard", "https://grafana.example.com/d/1")]


def test_throw_without_reason_shows_none() -> None:
    simulation = ready()

    sent = notification(simulation.snapshot(), created(simulation, reason=""))

    assert sent
    assert sent.message.first_action
    assert sent.message.first_action.text.endswith("is engaged by kubectl-patch")


def created(simulation: Simulation, *, reason: str = "INC-42") -> WriteTarget:
    """Throw the switch, and return the write that creates the Event."""
    simulation.throw(reason=reason).drive()
    (write,) = [one for one in simulation.steps if isinstance(one, WriteTarget) and isinstance(one.effect, Create)]
    return write


@pytest.mark.parametrize("contacts", [[{"name": "primary", "role": "On-Call"}], []])
def test_contact_without_channel_gets_no_message(contacts: list[Body]) -> None:
    simulation = ready()
    write = created(simulation)

    simulation.with_runbook(contacts=contacts, killSwitches=[])

    assert notification(simulation.snapshot(), write) is None


def test_deleted_runbook_sends_no_message() -> None:
    simulation = ready()
    write = created(simulation)

    assert notification(simulation.without_runbook().snapshot(), write) is None
