"""Check that the objects that an older revision's pod template refers to still exist."""

from collections.abc import Callable
from functools import partial

from runbook_operator.actions.action_rights import Right
from runbook_operator.actions.plan_context import Body, PlanContext
from runbook_operator.actions.rollback_revisions import Choice
from runbook_operator.core.desired_fields import Refused, Remark
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.pod_templates import Needed, pull_secrets, references, surroundings
from runbook_operator.core.queries import read_together
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref

RIGHTS = tuple(
    Right(group, plural, ("get",), optional=True)
    for group, plural in (
        ("", "configmaps"),
        ("", "persistentvolumeclaims"),
        ("", "secrets"),
        ("", "serviceaccounts"),
        ("node.k8s.io", "runtimeclasses"),
        ("scheduling.k8s.io", "priorityclasses"),
    )
)
"""Optional rights: without one, the rollback goes on with a remark about what could not be checked."""
Named = Callable[[Body], tuple[Needed, ...]]
CLASSES = ("PriorityClass", "RuntimeClass")
"""Cluster-scoped kinds."""


def check(context: PlanContext, observed: ObservedObject, choice: Choice) -> list[Remark]:
    """Return the remarks about objects that the revision's template refers to.

    Raises Refused if one is gone that its pods cannot start without. Objects that the live template refers to as well
    are checked only if they are ConfigMaps or Secrets: the running pods prove the rest.
    """
    if choice.is_live:
        return []
    old, live = choice.revision.template, observed.body["spec"]["template"]
    needed, pulled = [*references(old), *_only(surroundings, old, live)], _only(pull_secrets, old, live)
    found = read_together(
        *(partial(context.observed, _ref(context, one), True) for one in (*needed, *pulled))
    )  # as a whole
    missing = [one for one in found[: len(needed)] if isinstance(one, Missing)]
    gone = _names([one for one in missing if one.reason is not Reason.FORBIDDEN])
    number = choice.revision.number
    if gone:
        text = (
            f"{observed.ref}: revision {number} needs {gone}, which no longer exists; create it again, or choose "
            "another revision"
        )
        raise Refused(Reason.REFERENCE_NOT_FOUND, f"{text} with toRevision")
    unseen = _names(missing)
    unpulled = _names([one for one in found[len(needed) :] if isinstance(one, Missing)])
    hidden = f"{observed.ref}: revision {number} needs {unseen}, and the operator has no right to check if that exists"
    absent = (
        f"{observed.ref}: revision {number} pulls its images with {unpulled}, which was not found; pods that must pull"
    )
    remarks = [Remark(Reason.FORBIDDEN, hidden)] if unseen else []
    pulls = [Remark(Reason.REFERENCE_NOT_FOUND, f"{absent} a private image do not start")] if unpulled else []
    return [*remarks, *pulls]


def _only(named: Named, old: Body, live: Body) -> list[Needed]:
    """Return the references in the old template that the live one does not have."""
    there = named(live)
    return [one for one in named(old) if one not in there]


def _ref(context: PlanContext, needed: Needed) -> Ref:
    api_version, kind, name = needed
    return Ref(api_version, kind, "", name) if kind in CLASSES else context.ref(api_version, kind, name)


def _names(missing: list[Missing]) -> str:
    return ", ".join(str(one.ref) for one in missing)
