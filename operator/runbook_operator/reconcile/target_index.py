"""The targets that a Runbook declares, and those that a Switch holds or would hold."""

from runbook_operator.api.parsing import RunbookObject, SwitchObject
from runbook_operator.api.switch import Record
from runbook_operator.core.references import Ref


def declared(runbook: RunbookObject) -> tuple[Ref, ...]:
    """Return the targets that a Runbook declares."""
    if runbook.spec is None:
        return ()
    namespace = runbook.meta.ref.namespace
    return tuple(dict.fromkeys(ref for target in runbook.spec.targets for ref in target.refs(namespace).refs))


def held_by(switch: SwitchObject) -> tuple[Ref, ...]:
    """Return the targets in a Switch's record."""
    return targets_in(switch.meta.ref.namespace, switch.status.record)


def prepared_by(switch: SwitchObject) -> tuple[Ref, ...]:
    """Return the targets that the next throw of a Switch would write, according to its prewritten record."""
    prepared, namespace = switch.status.prepared, switch.meta.ref.namespace
    return tuple(dict.fromkeys(one.ref(namespace) for one in prepared.fields)) if prepared else ()


def targets_in(namespace: str, *records: Record | None) -> tuple[Ref, ...]:
    """Return the targets of records, each once.

    Events that an action created are left out: they need no restore, and a namespace has far too many to watch.
    """
    entries = (entry for record in records if record for entry in (*record.actions, *record.dropped))
    return tuple(dict.fromkeys(entry.ref(namespace) for entry in entries if entry.name and entry.kind != "Event"))
