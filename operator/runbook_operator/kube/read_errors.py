"""What the API server's refusal of a read means to somebody who waits for it."""

from runbook_operator.core.check_not_performed import UnaskedError
from runbook_operator.kube import errors


def unread(error: errors.ApiError, role: str) -> UnaskedError:
    """Nobody was asked, since the operator could not read whom or how.

    `role` is the ClusterRole with the right, empty where a service account lacks it.
    """
    if isinstance(error, errors.ForbiddenError):
        hint = f" The ClusterRole {role} has it." if role else ""
        return UnaskedError(error.reason, f"{error}. {error.user_action}{hint}")
    return UnaskedError(error.reason, str(error))
