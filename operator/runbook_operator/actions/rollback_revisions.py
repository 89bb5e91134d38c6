"""Choose the revision that a rollback goes to."""

from collections.abc import Sequence
from dataclasses import dataclass

from runbook_operator.actions.plan_context import PlanContext
from runbook_operator.core.desired_fields import Refused, Remark
from runbook_operator.core.observed_object import ObservedObject
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

    observed: ObservedObject
    stored: Sequence[Revision]
    live: Revision | None
    others: Sequence[Revision]

    @property
    def older(self) -> Sequence[Revision]:
        return [one for one in self.others if self.live is None or one.number < self.live.number]


def chosen(number: int | None, context: PlanContext, observed: ObservedObject, kept: Sequence[Revision]) -> Choice:
    """Return the revision `number`, or by default the newest known good one that is not live; raises Refused.

    If a switch has rolled back to the live revision, another throw does not go back further.
    """
    now = context.version(observed)
    here = live(observed.body, now, kept)
    same = {now, digest(observed.body["spec"]["template"]), here.digest if here else now}
    history = History(observed, kept, here, [one for one in kept if one.digest not in same])
    if number is not None:
        return _numbered(number, context, history)
    if here is not None and here.digest in {one["digest"] for one in context.rolled_back_templates(observed)}:
        return _stay(
            here, f"{observed.ref} is already at revision {here.number}, to which a switch rolled it back before"
        )
    return _good(context, history)


def _good(context: PlanContext, history: History) -> Choice:
    observed, here = history.observed, history.live
    marks = context.good.get(observed.ref, ())
    good = [one for one in history.stored if any(mark.means(one) for mark in marks)]
    if other := next((one for one in good if one in history.others), None):
        return Choice(other)
    if here is not None and here in good:
        return _stay(here, f"{observed.ref} is already at revision {here.number}, and no other revision is known good")
    if not history.older:
        limit = history.observed.body["spec"].get("revisionHistoryLimit")
        text = (
            f"{observed.ref} keeps only the live revision (spec.revisionHistoryLimit: {limit}), so there is none "
            "to go back to; deploy another"
        )
        raise Refused(Reason.NO_REVISION, text)
    failed = context.bad.get(observed.ref, ())
    unfailed = [one for one in history.older if not any(mark.means(one) for mark in failed)]
    older = (unfailed or history.older)[0]
    which = "the one before the live one" if older is history.older[0] else "the newest that has not failed either"
    text = f"{observed.ref}: no revision is known good, so the rollback goes to {which}, revision {older.number}"
    return Choice(older, remarks=(Remark(Reason.NOT_KNOWN_GOOD, f"{text}; to choose another, set toRevision"),))


def _stay(here: Revision, text: str) -> Choice:
    return Choice(
        here,
        is_live=True,
        remarks=(Remark(Reason.ALREADY_LIVE, f"{text}; to choose another revision, set toRevision"),),
    )


def _numbered(number: int, context: PlanContext, history: History) -> Choice:
    """Return the revision with that number now, or with that number before it was rolled out again."""
    again = {one["digest"] for one in context.rolled_back_templates(history.observed) if one.get("revision") == number}
    found = next((one for one in history.stored if one.number == number), None) or next(
        (one for one in history.stored if number in one.before or one.digest in again), None
    )
    if found is None:
        known = ", ".join(str(one.number) for one in history.stored) or "none"
        text = f"toRevision: {history.observed.ref} has no revision {number}; it has {known}: choose one of them"
        raise Refused(Reason.NO_REVISION, text)
    return Choice(found, is_live=found not in history.others)
