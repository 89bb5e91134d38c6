"""Find out from its controller's Events why a workload gets no pods, for kinds without a condition for that.

The Events are read after the writes of a throw, so that no write waits for them.
"""

from datetime import datetime
from http import HTTPStatus

from runbook_operator.actions.action_rights import Right
from runbook_operator.actions.plan_context import Body, PlanContext
from runbook_operator.core.api_refusals import refusal
from runbook_operator.core.desired_fields import Progress
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref

KINDS = frozenset({"DaemonSet", "Job", "StatefulSet"})
RIGHTS = (Right("", "events", ("list",), optional=True),)
FAILED, MADE = "FailedCreate", "SuccessfulCreate"
FAILURE_PREFIXES = ("Error creating: ", "failed error: ")
"""Prefixes that controllers put before the API server's message."""


def last_creation_failure(context: PlanContext, observed: ObservedObject) -> str:
    """Return the API server's message about the last failed pod creation since the throw; raises NeedsRead.

    It is empty if the controller has created a pod since, or if its Events are not known.
    """
    if observed.ref.kind not in KINDS:
        return ""
    found = [one for one in context.events(observed) if one.get("reason") in (FAILED, MADE)]
    recent = [one for one in found if _last(one) >= datetime.fromisoformat(context.throw.at).replace(microsecond=0)]
    # Times have a resolution of 1 s: within the same second the failure counts, since a pod is missing.
    newest = max(recent, key=lambda one: (_last(one), one["reason"] == FAILED), default=None)
    if newest is None or newest["reason"] == MADE:
        return ""
    message = str(newest.get("message") or "")
    return next((message.partition(said)[2] for said in FAILURE_PREFIXES if said in message), message)


def without_pods(ref: Ref, text: str, refused: str) -> Progress:
    """Return the progress of a workload whose pods the API server refuses, with advice for that refusal."""
    found = refusal(HTTPStatus.FORBIDDEN, {"message": refused}, ref.namespace)
    advice = f". {found.user_action}" if found else ""
    return Progress(
        text=f"{text}; {ref}: its controller cannot create pods: {refused}{advice}", stuck=Reason.PODS_NOT_CREATED
    )


def _last(event: Body) -> datetime:
    at = event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"]
    return datetime.fromisoformat(at).replace(microsecond=0)
