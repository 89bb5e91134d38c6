"""The operator's errors, each with a reason for conditions and metrics, and an action for a person.

OperatorError
├── ApiError              the API server answered with an error, or did not answer
│   ├── NotFoundError         404: the object is gone
│   ├── ConflictError         409: it changed since it was read; read again
│   ├── AlreadyExistsError    409 on create
│   ├── ForbiddenError        403: the operator, or the account that it acts for, lacks a right
│   ├── RefusedError          400, 422, other 4xx, and refusals by a quota, a policy or a webhook: see `reason`
│   └── UnavailableError      429, 5xx, no connection, no answer in time: outcome unknown
│       └── UnauthorizedError     401: the credentials are not accepted now; they may be rotated
├── CannotListenError     /metrics and /healthz cannot be served: another process has the port
├── UnsettledError        a visit decided on one step again and again, or on more steps than any object needs
└── NotLeadingError       the lease was lost; the new leader continues from the record
"""

from typing import Self

from runbook_operator.core.api_refusals import Refusal
from runbook_operator.core.rbac_advice import advice
from runbook_operator.core.reasons import Reason


class OperatorError(Exception):
    """Base class: `reason` for conditions and metric labels, `retry_after` in seconds, None for the usual back-off."""

    reason: str = "Error"
    user_action: str = ""
    retry_after: float | None = None


class ApiError(OperatorError):
    """The API server's answer to one request."""

    reason = "ApiError"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    def because(self, refusal: Refusal) -> Self:
        """Set the reason and the action of the API server's check that refused the request; return the error."""
        self.reason, self.user_action = refusal.reason.value, refusal.user_action
        return self


class NotFoundError(ApiError):
    """404."""

    reason = "NotFound"


class ConflictError(ApiError):
    """409: a precondition did not hold.

    `is_of_another` is True if a creation failed because another object changed, such as a quota's count.
    """

    reason = "Conflict"
    is_of_another = False


class AlreadyExistsError(ApiError):
    """409 on create: an object of that name exists."""

    reason = "AlreadyExists"


class ForbiddenError(ApiError):
    """403."""

    reason = Reason.FORBIDDEN.value

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.user_action = advice(message)


class RefusedError(ApiError):
    """The API server refused the write as it stands; core/api_refusals finds out which check refused it."""

    reason = Reason.REFUSED.value
    user_action = "Correct what the message names; the operator tries again."


class UnavailableError(ApiError):
    """No answer, or one that asks for a retry: the outcome is unknown, and the object is read again."""

    reason = Reason.UNAVAILABLE.value
    user_action = "The operator tries again; if this lasts, check the API server and its admission webhooks."


class UnauthorizedError(UnavailableError):
    """401: the API server does not accept the credentials, or cannot check them now. Nothing was written."""

    user_action = (
        "The operator reads its credentials again at each try; if this lasts, check the operator's service account."
    )


class CannotListenError(OperatorError):
    """The operator cannot listen on the port of its own endpoints, and exits."""

    reason = "CannotListen"


class UnsettledError(OperatorError):
    """A visit found no end of steps; the object is retried after a while."""

    reason = Reason.UNSETTLED.value


class NotLeadingError(OperatorError):
    """This replica does not lead and must not write."""

    reason = "NotLeading"


def is_ending(error: OperatorError) -> bool:
    """True if nothing can be created because the namespace is being deleted."""
    return "because it is being terminated" in str(error)
