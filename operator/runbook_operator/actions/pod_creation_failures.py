"""Why no pod is made for a workload that has no condition for that: the Events of its controller.

They are read after the writes of a throw, so that none of them waits.
"""

from datetime import datetime
from http import HTTPStatus

from runbook_operator.actions.action_rights import Right
from runbook_operator.actions.plan_context import Body, Scene
from runbook_operator.core.api_refusals import refusal
from runbook_operator.core.desired_fields import Progress
from runbook_operator.core.observed_object import Seen
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref

KINDS = frozenset({"DaemonSet", "Job", "StatefulSet"})
RIGHTS = (Right("", "events", ("list",), optional=True),)
FAILED, MADE = "FailedCreate", "SuccessfulCreate"
SAID = ("Error creating: ", "failed error: ")
"""What controllers put before the words of the API server."""


def unmade(scene: Scene, seen: Seen) -> str:
    """Why the last pod since the throw could not be made, in the API server's words; raises Unread.

    Empty where the controller has made one after that, or its Events are not known.
    """
    if seen.ref.kind not in KINDS:
        return ""
    found = [one for one in scene.events(seen) if one.get("reason") in (FAILED, MADE)]
    recent = [one for one in found if _last(one) >= datetime.fromisoformat(scene.throw.at).replace(microsecond=0)]
    # Times are in seconds: of two in the same one the failure counts, since a pod is missing.
    newest = max(recent, key=lambda one: (_last(one), one["reason"] == FAILED), default=None)
    if newest is None or newest["reason"] == MADE:
        return ""
    message = str(newest.get("message") or "")
    return next((message.partition(said)[2] for said in SAID if said in message), message)


def without_pods(ref: Ref, text: str, refused: str) -> Progress:
    """The progress of a workload whose pods are refused, with the advice that the refusal has."""
    found = refusal(HTTPStatus.FORBIDDEN, {"message": refused}, ref.namespace)
    advice = f". {found.user_action}" if found else ""
    return Progress(text=f"{text}; {ref}: pods cannot be made: {refused}{advice}", stuck=Reason.PODS_NOT_CREATED)


def _last(event: Body) -> datetime:
    at = event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"]
    return datetime.fromisoformat(at).replace(microsecond=0)
