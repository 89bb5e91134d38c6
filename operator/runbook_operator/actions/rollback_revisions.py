"""Choose the revision that a rollback goes to."""

from collections.abc import Sequence
from dataclasses import dataclass

from runbook_operator.actions.plan_context import Scene
from runbook_operator.core.desired_fields import Refused, Remark
from runbook_operator.core.observed_object import Seen
from runbook_operator.core.pod_templates import Revision, digest, live
from runbook_operator.core.reasons import Reason


@dataclass(frozen=True)
class Choice:
    """The chosen revision, whether it is live already, and remarks about the choice."""

    revision: Revision
    is_live: bool = False
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class History:
    """The revisions of a workload that the cluster retains, newest first; `others` differ from the live template."""

    seen: Seen
    kept: Sequence[Revision]
    live: Revision | None
    others: Sequence[Revision]

    @property
    def older(self) -> Sequence[Revision]:
        return [one for one in self.others if self.live is None or one.number < self.live.number]


def chosen(number: int | None, scene: Scene, seen: Seen, kept: Sequence[Revision]) -> Choice:
    """Return the revision `number`, or by default the newest known good one that is not live; raises Refused.

    If a switch has rolled back to the live revision, another throw does not go back further.
    """
    now = scene.version(seen)
    here = live(seen.body, now, kept)
    same = {now, digest(seen.body["spec"]["template"]), here.digest if here else now}
    history = History(seen, kept, here, [one for one in kept if one.digest not in same])
    if number is not None:
        return _numbered(number, scene, history)
    if here is not None and here.digest in {one["digest"] for one in scene.brought(seen)}:
        return _stay(here, f"{seen.ref} is at revision {here.number} already, to which a switch has brought it before")
    return _good(scene, history)


def _good(scene: Scene, history: History) -> Choice:
    seen, here = history.seen, history.live
    marks = scene.good.get(seen.ref, ())
    good = [one for one in history.kept if any(mark.means(one) for mark in marks)]
    if other := next((one for one in good if one in history.others), None):
        return Choice(other)
    if here is not None and here in good:
        return _stay(here, f"{seen.ref} is at revision {here.number} already, and no other is known good")
    if not history.older:
        limit = history.seen.body["spec"].get("revisionHistoryLimit")
        text = f"{seen.ref} keeps no revision but the live one (spec.revisionHistoryLimit: {limit}); deploy another"
        raise Refused(Reason.NO_REVISION, text)
    failed = scene.bad.get(seen.ref, ())
    unfailed = [one for one in history.older if not any(mark.means(one) for mark in failed)]
    older = (unfailed or history.older)[0]
    which = "the one before the live one" if older is history.older[0] else "the newest that has not failed either"
    text = f"{seen.ref}: no revision is known good, so it is {which}, revision {older.number}"
    return Choice(older, remarks=(Remark(Reason.NOT_KNOWN_GOOD, f"{text}; toRevision names another"),))


def _stay(here: Revision, text: str) -> Choice:
    return Choice(here, is_live=True, remarks=(Remark(Reason.ALREADY_LIVE, f"{text}; toRevision goes elsewhere"),))


def _numbered(number: int, scene: Scene, history: History) -> Choice:
    """Return the revision with that number now, or with that number before it was rolled out again."""
    again = {one["digest"] for one in scene.brought(history.seen) if one.get("revision") == number}
    found = next((one for one in history.kept if one.number == number), None) or next(
        (one for one in history.kept if number in one.before or one.digest in again), None
    )
    if found is None:
        known = ", ".join(str(one.number) for one in history.kept) or "none"
        text = f"toRevision: {history.seen.ref} keeps no revision {number}, only these: {known}; name one of them"
        raise Refused(Reason.NO_REVISION, text)
    return Choice(found, is_live=found not in history.others)
