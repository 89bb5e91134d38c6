"""Refuses the actions and probes that the administrator has not allowed, even if the operator has the RBAC rights.

The list limits what the operator does by its own rights. If a Runbook names a service account, the rights of that
account decide instead. A switch that is engaged stays engaged, and every release is allowed.
"""

from runbook_operator.actions import Action
from runbook_operator.api.switch import Record
from runbook_operator.core.desired_fields import Refused
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile import acting_identity
from runbook_operator.reconcile.snapshot import RunbookSnapshot, Snapshot

Trouble = tuple[Reason, str]


def checked(snapshot: Snapshot, record: Record, action: type[Action]) -> type[Action]:
    """Return the action; raises Refused if this engagement may not run it."""
    installation = snapshot.policy.installation
    if record.service_account_name or installation.allows(action.kind):
        return action
    refused = installation.refused(one.action for one in record.plan)
    raise Refused(Reason.ACTION_NOT_ALLOWED, installation.refusal(refused))


def of_switch(snapshot: Snapshot) -> Trouble | None:
    """Return the reason and message if an idle switch declares an action that is not allowed, else None."""
    if snapshot.entry is None or acting_identity.declared(snapshot.runbook) is not None:
        return None
    installation = snapshot.policy.installation
    refused = installation.refused(one.kind for one in snapshot.entry.actions)
    return (Reason.ACTION_NOT_ALLOWED, installation.refusal(refused)) if refused else None


def of_runbook(snapshot: RunbookSnapshot) -> Trouble | None:
    """Return the reason and message for the first switch, else probe, that is not allowed; None if all are."""
    spec, installation = snapshot.runbook.spec, snapshot.policy.installation
    if spec is None or acting_identity.declared(snapshot.runbook) is not None:
        return None
    for name in spec.switches():
        entry = snapshot.runbook.entry(name)
        refused = installation.refused(one.kind for one in entry.actions) if entry else []
        if refused:
            return Reason.ACTION_NOT_ALLOWED, f"switch {name}: {installation.refusal(refused)}"
    return of_probes(snapshot)


def of_target(snapshot: RunbookSnapshot, target: str) -> Trouble | None:
    """Return why a target may not be read, else None.

    Reading a target needs the rights of the actions on it, so it is refused if one of them is not allowed.
    """
    spec, installation = snapshot.runbook.spec, snapshot.policy.installation
    if spec is None or acting_identity.declared(snapshot.runbook) is not None:
        return None
    acts = (act for entry in spec.switches().values() for act in entry.actions if act.target == target)
    refused = installation.refused(one.kind for one in acts)
    return (Reason.ACTION_NOT_ALLOWED, installation.refusal(refused)) if refused else None


def of_probes(snapshot: RunbookSnapshot) -> Trouble | None:
    """Return the reason and message if the Runbook enforces a probe and that is not allowed, else None."""
    spec, installation = snapshot.runbook.spec, snapshot.policy.installation
    if spec is None or installation.probes or acting_identity.declared(snapshot.runbook) is not None:
        return None
    enforced = next((one.name for one in spec.health_endpoints if one.enforce), None)
    return (Reason.ACTION_NOT_ALLOWED, installation.probes_refusal(enforced)) if enforced else None
