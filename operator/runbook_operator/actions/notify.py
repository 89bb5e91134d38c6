"""notify: create an Event on the Switch that names a contact; the operator then sends the contact a message."""

from typing import Annotated

from pydantic import Field

from runbook_operator.actions.action_base import Action, Plan
from runbook_operator.actions.action_rights import Right
from runbook_operator.actions.created_objects import metadata_for, name_for
from runbook_operator.actions.plan_context import PlanContext
from runbook_operator.core.core_events import core_event
from runbook_operator.core.desired_fields import OBJECT, DesiredField, Remark
from runbook_operator.core.model_base import ApiModel
from runbook_operator.core.notices import Notice
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import switch_ref


class NotifySpec(ApiModel):
    """The contact, and the message."""

    contact: str = Field(min_length=1, max_length=63, description="Name of an entry of spec.contacts.")
    message: Annotated[str, Field(min_length=1, max_length=512)] = Field(
        description="Text of the Event and of the message, which shows its first 200 characters. The operator adds the "
        "reason of the throw and who threw the switch."
    )


class Notify(Action):
    """Creates an Event on the Switch, then sends a message through the contact's channel. Both once per engagement."""

    kind = "notify"
    Spec = NotifySpec
    reverts = "Nothing: the Event stays, and the message was sent."
    rights = (Right("", "events", ("get", "create")),)

    @staticmethod
    def plan(spec: NotifySpec, context: PlanContext) -> Plan:
        ref = context.ref("v1", "Event", name_for(context, spec))
        event = DesiredField(ref, OBJECT, _event(spec, context, ref.name), "Once")
        if spec.contact in context.throw.reachable:
            return (event,)
        text = f"contact {spec.contact} gets no message, only an Event on the Switch: its entry in spec.contacts names "
        return (event, Remark(Reason.NO_CHANNEL, f"{text}no channel; add notify: CHANNEL to it"))

    @staticmethod
    def describe(spec: NotifySpec) -> str:
        return f"notify {spec.contact}"


def _event(spec: NotifySpec, context: PlanContext, name: str) -> dict[str, object]:
    throw = context.throw
    about = switch_ref(context.namespace, throw.switch)
    notice = Notice(about, throw.uid, Reason.NOTIFIED, _message(spec, context), name)
    return core_event(notice, metadata_for(context, name), f"{throw.at.partition('.')[0].removesuffix('Z')}Z")


def _message(spec: NotifySpec, context: PlanContext) -> str:
    throw = context.throw
    why = f"{throw.reason}, by {throw.by}" if throw.reason else f"by {throw.by}"
    return f"{spec.contact}: {spec.message} ({why}) [{throw.engagement}]"
