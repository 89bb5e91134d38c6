"""notify: create an Event on the Switch that names a contact of the Runbook."""

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
        description="Text of the Event. The operator adds the reason of the throw and who threw the switch."
    )


class Notify(Action):
    """Creates an Event on the Switch that names a contact, once per engagement. It sends no message."""

    kind = "notify"
    Spec = NotifySpec
    reverts = "Nothing: the Event stays."
    rights = (Right("", "events", ("get", "create")),)

    @staticmethod
    def plan(spec: NotifySpec, context: PlanContext) -> Plan:
        ref = context.ref("v1", "Event", name_for(context, spec))
        text = f"contact {spec.contact} gets no message: notify only creates an Event on the Switch"
        return (DesiredField(ref, OBJECT, _event(spec, context, ref.name), "Once"), Remark(Reason.NO_CHANNEL, text))

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
