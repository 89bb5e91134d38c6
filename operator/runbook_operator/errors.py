"""What can go wrong, each with a reason for conditions and metrics, and what a person can do about it.

OperatorError
├── ApiError              the API server answered with an error, or did not answer
│   ├── NotFoundError         404: the object is gone
│   ├── ConflictError         409: it changed since it was read; read again
│   ├── AlreadyExistsError    409 on create
│   ├── ForbiddenError        401, 403: the operator lacks a right
│   ├── RefusedError          400, 422 and other 4xx: the write itself is wrong
│   └── UnavailableError      429, 5xx, no connection, no answer in time: outcome unknown
├── UnsettledError        a visit took more steps than any object needs
└── NotLeadingError       the lease was lost; the new leader goes on from the record
"""

from typing import ClassVar

from runbook_operator.model.reasons import Reason


class OperatorError(Exception):
    """Base of all: `reason` for conditions and metric labels, `retry_after` seconds or None for the usual back-off."""

    reason: ClassVar[str] = "Error"
    user_action: ClassVar[str] = ""
    retry_after: float | None = None


class ApiError(OperatorError):
    """The API server's answer to one request."""

    reason = "ApiError"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotFoundError(ApiError):
    """404."""

    reason = "NotFound"


class ConflictError(ApiError):
    """409: a precondition did not hold."""

    reason = "Conflict"


class AlreadyExistsError(ApiError):
    """409 on create: an object of that name is there."""

    reason = "AlreadyExists"


class ForbiddenError(ApiError):
    """401 or 403."""

    reason = Reason.FORBIDDEN.value
    user_action = "Grant the operator's service account the verb that the message names."


class RefusedError(ApiError):
    """The API server or an admission policy refused the write as it stands."""

    reason = Reason.REFUSED.value
    user_action = "Correct what the message names; the switch is tried again by itself."


class UnavailableError(ApiError):
    """No answer, or one that says to come back: what was written is unknown and will be read back."""

    reason = "Unavailable"


class UnsettledError(OperatorError):
    """Decisions did not come to an end; the object is left for a while."""

    reason = "Unsettled"


class NotLeadingError(OperatorError):
    """This replica may no longer write."""

    reason = "NotLeading"
