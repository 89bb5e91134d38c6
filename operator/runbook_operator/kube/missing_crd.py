"""The messages on a CRD of this operator that is being deleted, or is not installed."""

from runbook_operator.core.api_refusals import Refusal
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import GROUP
from runbook_operator.kube import errors

APPLY = "runbook-operator crds | kubectl apply --server-side --force-conflicts -f -"
AGAIN = 5.0
"""Seconds between two tries to create an object of the kind."""
_TERMINATING = "not allowed while custom resource definition is terminating"


def described(plural: str) -> str:
    """Name the CRD and its state, as the begin of a sentence."""
    return f"the CRD {plural}.{GROUP} is being deleted, or is not installed"


def unserved(plural: str, error: errors.ApiError) -> errors.RefusedError | None:
    """Return an error that names the CRD if a creation failed because the kind is not served; else None."""
    is_gone = isinstance(error, errors.NotFoundError) and 'namespaces "' not in str(error)
    if not (is_gone or _TERMINATING in str(error)):
        return None
    advice = f"Apply the CRDs again; the operator then creates its Switches within seconds: {APPLY}"
    refusal = Refusal(Reason.KIND_NOT_FOUND, advice)
    return errors.RefusedError(described(plural), retry_after=AGAIN).because(refusal)
