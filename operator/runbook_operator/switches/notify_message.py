"""The message that the action notify sends after it has created its Event."""

from dataclasses import dataclass

from runbook_operator.actions.notify import Notify, NotifySpec
from runbook_operator.api.switch import Record
from runbook_operator.core.references import Ref
from runbook_operator.core.severities import Severity
from runbook_operator.core.writes import Create
from runbook_operator.notifiers.message import FirstAction, Link, Message
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.reconcile.steps import WriteTarget

SEVERITY: Severity = "SEV3"
"""The severity that the message shows: a thrown switch has none of its own."""


@dataclass(frozen=True)
class Notification:
    """A message and its channel."""

    channel: str
    message: Message


def notification(snapshot: Snapshot, step: WriteTarget) -> Notification | None:
    """Return the message that follows from the write; None if it is no Event of the action, or there is no channel.

    The id of the message is made of the Event's name, so a receiver that gets it twice can see that.
    """
    runbook, spec = snapshot.runbook, _spec(step)
    if runbook is None or runbook.spec is None or spec is None:
        return None
    contact = next((one for one in runbook.spec.contacts if one.name == spec.contact and one.notify), None)
    if contact is None:
        return None
    ref, identity = snapshot.switch.meta.ref, f"notify.{step.effect.ref.name}"
    message = Message(
        id=identity,
        dedup_key=identity,
        kind="notice",
        at=snapshot.now,
        severity=SEVERITY,
        namespace=ref.namespace,
        runbook=snapshot.switch.spec.runbook,
        title=spec.message,
        first_action=_first_action(ref, step.record),
        links=tuple(Link(text=one.title or one.name, url=one.url) for one in runbook.spec.links),
        recipient=contact.to,
    )
    return Notification(contact.notify, message)


def _spec(step: WriteTarget) -> NotifySpec | None:
    """Return the spec of the action notify whose Event the write creates."""
    if not isinstance(step.effect, Create):
        return None
    made = (one for one in step.record.actions if one.action == Notify.kind and one.name == step.effect.ref.name)
    entry = next(made, None)
    return NotifySpec.model_validate(step.record.plan[entry.step].spec) if entry else None


def _first_action(ref: Ref, record: Record) -> FirstAction:
    why = f": {record.reason}" if record.reason else ""
    command = f"kubectl get switches.runbooks.dev {ref.name} -n {ref.namespace} -o wide"
    return FirstAction(text=f"Switch {ref.name} is engaged by {record.engaged_by}{why}", command=command)
