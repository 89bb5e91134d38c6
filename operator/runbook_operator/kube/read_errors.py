"""Map a failed read of the API server to the error of a check that could not be performed."""

from runbook_operator.core.check_not_performed import CheckNotPerformedError
from runbook_operator.kube import errors


def check_error(error: errors.ApiError, role: str) -> CheckNotPerformedError:
    """Return the error of a check whose address or credential could not be read.

    `role` is the ClusterRole with the right, "" if a service account lacks it.
    """
    if isinstance(error, errors.ForbiddenError):
        hint = f" The ClusterRole {role} has it." if role else ""
        return CheckNotPerformedError(error.reason, f"{error}. {error.user_action}{hint}")
    return CheckNotPerformedError(error.reason, str(error))
