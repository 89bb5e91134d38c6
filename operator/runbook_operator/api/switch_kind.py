"""The kind Switch."""

from dataclasses import replace

from runbook_operator.actions.action_rights import CHANGE
from runbook_operator.api import cel_rules
from runbook_operator.api.override import SwitchSpec
from runbook_operator.api.parsing import parse_switch
from runbook_operator.api.resource_kind import AGE, Body, Column, ResourceKind, Uninstall, is_deleted, is_marked, named
from runbook_operator.api.switch import SwitchStatus
from runbook_operator.core.kubectl_commands import silence
from runbook_operator.core.rbac_rules import READ
from runbook_operator.core.references import meta_of

UNINSTALLING = {"engaged": False, "expiresAfter": "10m", "reason": "the operator is being uninstalled"}
"""An override that silences automation for the duration of an uninstall, but not for a later installation."""


def _release(body: Body) -> Body | None:
    """Return the override of an uninstall. A Switch that is being deleted needs none: its deletion releases it."""
    engaged = body["spec"].get("engaged")
    is_engaged = is_marked(body) or engaged is True
    return UNINSTALLING if is_engaged and engaged is not False and not is_deleted(body) else None


def _describe(body: Body) -> str:
    """Describe a held Switch: name, since when, why it is not released, and the command that releases it."""
    status = body.get("status", {})
    ready: Body = next((one for one in status.get("conditions", ()) if one["type"] == "Ready"), {})
    why = f", {ready.get('reason', '')}: {ready.get('message', '')}" if ready.get("status") == "False" else ""
    since = f"{status.get('phase', 'thrown')} since {status.get('engagedAt', 'just now')}{why}"
    if is_deleted(body):
        return f"{named(body)} is {since}; it is being deleted, and a running operator restores what it holds"
    released = silence(meta_of(body).ref)
    return f"{named(body)} is {since}; {released}"


SWITCH = ResourceKind(
    kind="Switch",
    plural="switches",
    short_names=("sw", "ks"),
    spec=SwitchSpec,
    status=SwitchStatus,
    description="A kill switch that a Runbook declares. Throw it: kubectl patch sw NAME --type merge"
    ' -p \'{"spec":{"engaged":true,"reason":"INC-42"}}\'. Release it: "engaged":null,"reason":null.'
    ' Release it and silence automatic sources: "engaged":false.',
    summary="The lever of one kill switch or scaling command; the operator makes it, people throw it.",
    columns=(
        Column("Does", ".status.columns.does"),
        Column("Thrown", ".spec.engaged", "boolean"),
        Column("Phase", ".status.phase"),
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        Column("Automatic", ".status.columns.automatic"),
        Column("Since", ".status.engagedAt", "date"),
        Column("Until", ".status.columns.until"),
        Column("Why", ".status.columns.why"),
        Column("Last", ".status.history[0].releasedAt", "date"),
        Column("By", ".status.columns.by", priority=1),
        Column("Outcome", ".status.history[0].outcome", priority=1),
        Column("Description", ".status.description", priority=1),
        Column("Message", ".status.columns.message", priority=1),
        Column("Generation", ".metadata.generation", "integer", priority=1),
        Column("Seen", ".status.observedGeneration", "integer", priority=1),
        replace(AGE, priority=1),
    ),
    rules=(cel_rules.SWITCH_NAME,),
    rights={"": (*CHANGE, "create", "delete"), "/status": ("patch",)},
    people={
        "runbook-viewer": (READ,),
        "runbook-editor": (READ,),
        "switch-operator": ((*READ, "patch", "engage", "release"),),
        "incident-responder": (READ,),
    },
    parse=parse_switch,
    runbook_of=lambda switch: switch.runbook,
    uninstall=Uninstall(_release, _describe),
)
