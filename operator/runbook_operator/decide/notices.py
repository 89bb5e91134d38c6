"""The sentences that are said about a switch's acts."""

from collections.abc import Mapping

from runbook_operator.api.switch import Entry, Record, Result
from runbook_operator.decide.record import target
from runbook_operator.model.notices import Notice
from runbook_operator.model.reasons import Reason
from runbook_operator.model.refs import Ref
from runbook_operator.model.seen import Seen
from runbook_operator.plan.world import World


def said(
    world: World,
    reason: Reason,
    message: str,
    identity: str,
    *,
    targets: tuple[Seen, ...] = (),
    warning: bool = False,
) -> tuple[Notice, ...]:
    """One notice each on the Switch, its Runbook, and the targets."""
    about: list[tuple[Ref, str]] = [(world.switch.meta.ref, world.switch.meta.uid)]
    if world.runbook:
        about.append((world.runbook.meta.ref, world.runbook.meta.uid))
    about += [(seen.ref, seen.uid) for seen in dict.fromkeys(targets)]
    return tuple(Notice(ref, uid, reason, message, identity, warning) for ref, uid in about)


def about_record(world: World, record: Record, reason: Reason, message: str) -> tuple[Notice, ...]:
    """A notice on all that the engagement touches, said once per engagement."""
    because = f" ({record.reason})" if record.reason else ""
    text = f"{world.switch.meta.ref.name}{because}: {message} [{record.id}]"
    warning = reason is Reason.RESTORE_SKIPPED
    return said(world, reason, text, f"{record.id}.{reason}", targets=touched(world, record), warning=warning)


def put_back(world: World, record: Record, entry: Entry, seen: Seen) -> tuple[Notice, ...]:
    """Somebody changed what is held, and it was put back."""
    who = seen.manager or "somebody"
    text = (
        f"{world.switch.meta.ref.name}: {who} set {entry.kind}/{entry.name} to {seen.replicas} while it is held "
        f"at {entry.held}; put back. Release the switch to let it go [{record.id}]"
    )
    identity = f"{record.id}.{seen.resource_version}"
    return said(world, Reason.PUT_BACK, text, identity, targets=(seen,), warning=True)


def touched(world: World, record: Record) -> tuple[Seen, ...]:
    seen = (target(world, entry) for entry in record.actions)
    return tuple(one for one in seen if isinstance(one, Seen))


def summary(record: Record) -> str:
    """What is held, or was put back: one clause per action."""
    return "; ".join(_clause(entry) for entry in record.actions)


def _clause(entry: Entry) -> str:
    return CLAUSES[entry.result].format(name=f"{entry.kind}/{entry.name}", saved=entry.saved, held=entry.held)


CLAUSES: Mapping[Result, str] = {
    "Waiting": "{name} is not there yet",
    "Pending": "{name} is being set from {saved} to {held}",
    "Applied": "{name} from {saved} to {held}",
    "Restored": "{name} back to {saved}",
    "RestoreSkipped": "{name} left as it is, since somebody changed it after it was held at {held}",
    "Gone": "{name} is gone, nothing to put back",
}
