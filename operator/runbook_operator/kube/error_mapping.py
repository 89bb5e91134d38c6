"""Map an error answer of the API server to an exception."""

import json
import re
from collections.abc import Mapping
from typing import Any

from runbook_operator.core.api_refusals import is_transient, refusal
from runbook_operator.kube import errors

Body = dict[str, Any]
NAMESPACE = re.compile(r"/namespaces/([^/?\s]+)")
ERRORS: Mapping[int, type[errors.ApiError]] = {
    401: errors.UnauthorizedError,
    403: errors.ForbiddenError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    410: errors.NotFoundError,
    429: errors.UnavailableError,
}


def taken(error: errors.ConflictError) -> errors.ApiError:
    """Return the error of a failed creation: the name is taken, or the object with a quota's count has changed."""
    if error.is_of_another:
        return errors.UnavailableError(str(error), retry_after=error.retry_after)
    return errors.AlreadyExistsError(str(error))


def error(status: int, headers: Mapping[str, str], text: bytes, what: str) -> errors.ApiError:
    """Return the error for an answer with status 400 or more; `what` is the request's method and path."""
    after, answer = headers.get("Retry-After", ""), _status(text)
    seconds = float(after) if after.isdigit() else None
    message = f"{what}: {status} {answer.get('message', '')}"
    found = refusal(status, answer, _namespace(what))
    if found is not None:
        kind = errors.UnavailableError if is_transient(status, found.reason) else errors.RefusedError
        return kind(message, retry_after=seconds).because(found)
    default = errors.UnavailableError if status >= 500 else errors.RefusedError  # noqa: PLR2004 # HTTP's own boundary
    plain = ERRORS.get(status, default)(message, retry_after=seconds)
    if isinstance(plain, errors.ConflictError):
        plain.is_of_another = answer.get("reason") == "Conflict"
    return plain


def _namespace(what: str) -> str:
    found = NAMESPACE.search(what)
    return found[1] if found else ""


def _status(text: bytes) -> Body:
    """Return the Status of an answer; if it is none, as from a proxy, its first 200 bytes as the message."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"message": text[:200].decode(errors="replace")}
