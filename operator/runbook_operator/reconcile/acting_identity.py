"""In whose name the operator reads and acts for a Runbook and its switches: what decides it, in one place."""

from runbook_operator.api.parsing import RunbookObject, SwitchObject
from runbook_operator.api.switch import Record
from runbook_operator.core.accounts import Account, named
from runbook_operator.core.queries import Denied
from runbook_operator.core.reasons import Reason

Reader = Account | Denied | None
"""Who reads; None for the operator's own rights, Denied where nobody may."""
UNNAMED = (
    "the Runbook names no service account, and this cluster's administrator asks for one "
    "(RUNBOOK_REQUIRE_SERVICE_ACCOUNT): set spec.serviceAccountName to one of this namespace. What is engaged is still "
    "released"
)
UNNAMED_ANSWER = Denied(Reason.NO_ACCOUNT, UNNAMED)


def declared(runbook: RunbookObject | None) -> Account | None:
    """Who is named now."""
    spec = runbook.spec if runbook else None
    return named(runbook.meta.ref.namespace, spec.service_account_name) if runbook and spec else None


def recorded(namespace: str, record: Record) -> Account | None:
    """Who an engagement was thrown with, whatever the Runbook names by now."""
    return named(namespace, record.service_account_name)


def of_switch(switch: SwitchObject, runbook: RunbookObject | None) -> Account | None:
    """In whose name a switch is read for and acted on.

    Where a throw may have acted without a record, and no Runbook is there any more, it is who was named before it.
    """
    record, prepared = switch.status.record, switch.status.prepared
    if record is None and runbook is None and prepared is not None and switch.is_in_doubt:
        return named(switch.meta.ref.namespace, prepared.service_account_name)
    return recorded(switch.meta.ref.namespace, record) if record else declared(runbook)


def of_runbook(runbook: RunbookObject) -> Account | None:
    """In whose name a Runbook is read for: who it names, or else, and once it goes away, who holds what it has set."""
    held = [named(runbook.meta.ref.namespace, one.service_account_name) for one in runbook.status.probes if one.held]
    now = declared(runbook)
    return held[0] if held and (now is None or runbook.meta.deleting) else now


def reader(switch: SwitchObject | None, runbook: RunbookObject | None, *, required: bool) -> Reader:
    """Who reads for the switch, or else for the Runbook; what is held is read for in any case, to be put back."""
    if switch is not None:
        account, holds = of_switch(switch, runbook), switch.status.record is not None or switch.is_in_doubt
    else:
        account = of_runbook(runbook) if runbook else None
        holds = runbook is not None and any(one.held for one in runbook.status.probes)
    return UNNAMED_ANSWER if required and account is None and not holds else account
