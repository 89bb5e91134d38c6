"""From an answer of the API server that is no success to the error that it means."""

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
    """Why nothing was made: the name is taken, or what the API server keeps count in was written meanwhile."""
    if error.is_of_another:
        return errors.UnavailableError(str(error), retry_after=error.retry_after)
    return errors.AlreadyExistsError(str(error))


def error(status: int, headers: Mapping[str, str], text: bytes, what: str) -> errors.ApiError:
    """The error that an answer of 400 and more means; `what` is the request's method and path."""
    after, answer = headers.get("Retry-After", ""), _status(text)
    seconds = float(after) if after.isdigit() else None
    message = f"{what}: {status} {answer.get('message', '')}"
    found = refusal(status, answer, _namespace(what))
    if found is not None:
        kind = errors.UnavailableError if is_transient(status, found.reason) else errors.RefusedError
        return kind(message, retry_after=seconds).because(found)
    default = errors.UnavailableError if status >= 500 else errors.RefusedError  # noqa: PLR2004 # as above
    plain = ERRORS.get(status, default)(message, retry_after=seconds)
    if isinstance(plain, errors.ConflictError):
        plain.is_of_another = answer.get("reason") == "Conflict"
    return plain


def _namespace(what: str) -> str:
    found = NAMESPACE.search(what)
    return found[1] if found else ""


def _status(text: bytes) -> Body:
    """The Status of an answer; of what is none, as a proxy answers, its first words."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"message": text[:200].decode(errors="replace")}
