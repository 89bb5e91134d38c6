"""The kind Runbook."""

from runbook_operator.api import cel_rules
from runbook_operator.api.parsing import parse_runbook
from runbook_operator.api.resource_kind import AGE, WRITE, Column, ResourceKind
from runbook_operator.api.runbook import RunbookSpec, RunbookStatus
from runbook_operator.core.rbac_rules import READ

RUNBOOK = ResourceKind(
    kind="Runbook",
    plural="runbooks",
    short_names=("rb",),
    spec=RunbookSpec,
    status=RunbookStatus,
    description="The runbook of one system: its health checks and metrics, and its kill switches.",
    summary="The runbook of one system: its targets, kill switches, checks and metrics.",
    columns=(
        Column("Title", ".spec.title", priority=1),
        Column("Mode", ".spec.mode"),
        Column("Switches", ".status.switches", "integer"),
        Column("Engaged", ".status.engaged", "integer"),
        Column("Healthy", '.status.conditions[?(@.type=="Healthy")].status'),
        Column("Incident", ".status.incident"),
        Column("Suspended", '.status.conditions[?(@.type=="Suspended")].status'),
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        Column("Reason", '.status.conditions[?(@.type=="Ready")].reason'),
        Column("Message", '.status.conditions[?(@.type=="Ready")].message', priority=1),
        AGE,
    ),
    rules=(cel_rules.RUNBOOK_NAME,),
    # The admission plugin OwnerReferencesPermissionEnforcement requires `finalizers` for owner references to a Runbook.
    rights={"": READ, "/status": ("patch",), "/finalizers": ("update",)},
    people={
        "runbook-viewer": (READ,),
        "runbook-editor": (READ, WRITE),
        "switch-operator": (READ,),
        "incident-responder": (READ,),
    },
    parse=parse_runbook,
)
