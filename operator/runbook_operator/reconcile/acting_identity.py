"""Decides under which service account the operator reads and acts for a Runbook and its switches."""

from runbook_operator.api.parsing import RunbookObject, SwitchObject
from runbook_operator.api.switch import Record
from runbook_operator.core.accounts import Account, named
from runbook_operator.core.queries import Denied
from runbook_operator.core.reasons import Reason

Reader = Account | Denied | None
"""The account that reads; None for the operator's own rights, Denied if no account may read."""
UNNAMED = (
    "the Runbook names no service account, and the administrator requires one "
    "(RUNBOOK_REQUIRE_SERVICE_ACCOUNT): set spec.serviceAccountName to one of this namespace. Until then a "
    "switch can be released and not thrown"
)
UNNAMED_ANSWER = Denied(Reason.NO_ACCOUNT, UNNAMED)


def declared(runbook: RunbookObject | None) -> Account | None:
    """Return the account that the Runbook names now, None for none."""
    spec = runbook.spec if runbook else None
    return named(runbook.meta.ref.namespace, spec.service_account_name) if runbook and spec else None


def recorded(namespace: str, record: Record) -> Account | None:
    """Return the account that an engagement was thrown with, whatever the Runbook names now."""
    return named(namespace, record.service_account_name)


def of_switch(switch: SwitchObject, runbook: RunbookObject | None) -> Account | None:
    """Return the account for reads and writes of a switch.

    If a throw may have acted without a record and the Runbook is gone, it is the account in the prewritten record.
    """
    record, prepared = switch.status.record, switch.status.prepared
    if record is None and runbook is None and prepared is not None and switch.maybe_thrown:
        return named(switch.meta.ref.namespace, prepared.service_account_name)
    return recorded(switch.meta.ref.namespace, record) if record else declared(runbook)


def of_runbook(runbook: RunbookObject) -> Account | None:
    """Return the account for reads of a Runbook: the one that it names.

    If it names none, or is being deleted, it is the account that holds the probes which the operator has set.
    """
    held = [named(runbook.meta.ref.namespace, one.service_account_name) for one in runbook.status.probes if one.held]
    now = declared(runbook)
    return held[0] if held and (now is None or runbook.meta.deleting) else now


def reader(switch: SwitchObject | None, runbook: RunbookObject | None, *, required: bool) -> Reader:
    """Return the account that reads for the switch or, without one, for the Runbook.

    Denied if an account is `required` and missing, unless something is held: that is always read, to be restored.
    """
    if switch is not None:
        account, holds = of_switch(switch, runbook), switch.status.record is not None or switch.maybe_thrown
    else:
        account = of_runbook(runbook) if runbook else None
        holds = runbook is not None and any(one.held for one in runbook.status.probes)
    return UNNAMED_ANSWER if required and account is None and not holds else account
