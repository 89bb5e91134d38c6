"""Evaluate JSONPath (RFC 9535), restricted so that no path can be slow on any body.

Path and body come from different untrusted parties and must not block the operator together. So at most one step of a
path may match several values, and neither descendant search (..) nor regular expressions are allowed.
"""

import json
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, cast

from runbook_operator.sources.source_base import NoNumberError

if TYPE_CHECKING:
    from jsonpath import JSONPath, JSONPathEnvironment
    from jsonpath.segments import JSONPathSegment

MOST_VALUES = 1000
"""Most values in a body if the path can match several; each costs some microseconds."""
MOST_OPERATORS = 4
"""Most operators in a filter; each costs some microseconds per value."""
SEVERAL = (
    "at most one step may select several values: [*], a slice such as [0:3], or a filter such as [?@.name == 'mails']"
)


class JsonPathError(ValueError):
    """The path is invalid or not allowed; the message has the reason and, if known, the character."""


def check(text: str) -> None:
    """Raise JsonPathError if the path cannot be parsed or is not allowed."""
    _compiled(text)


def values(text: str, body: bytes) -> list[Any]:
    """Return the values in the body that the path matches; every number is a float.

    Raises NoNumberError if the body is not JSON or may have too many values, and JsonPathError for the path.
    """
    path = _compiled(text)
    if not all(map(_is_single, path.segments)) and body.count(b",") >= MOST_VALUES:
        raise NoNumberError(
            "TooManyValues", f"the body may have more than {MOST_VALUES} values; select one by its index"
        )
    try:
        data = json.loads(body, parse_int=float, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise NoNumberError("NotJSON", "the response is not JSON") from None
    if not isinstance(data, dict | list):
        return [] if path.segments else [data]
    return [match.obj for match in path.finditer(data)]


@lru_cache(maxsize=4096)
def _compiled(text: str) -> "JSONPath":
    from jsonpath import JSONPathError  # noqa: PLC0415 # 11 MiB, loaded only if a JSONPath is used

    try:
        path = cast("JSONPath", _environment().compile(text))  # in strict mode it returns no compound path
    except JSONPathError as error:
        index = getattr(error.token, "index", -1)
        at = index if index >= 0 else len(text)
        raise JsonPathError(f"not a JSONPath: {error.message} at character {at + 1}") from None
    if sum(not _is_single(segment) for segment in path.segments) > 1:
        raise JsonPathError(SEVERAL)
    for segment in path.segments:
        _check(segment)
    return path


@cache
def _environment() -> "JSONPathEnvironment":
    from jsonpath import JSONPathEnvironment  # noqa: PLC0415 # loaded on use

    made = JSONPathEnvironment(strict=True)
    # match and search are among them; their regular expressions can take forever.
    made.function_extensions.clear()
    return made


def _is_single(segment: "JSONPathSegment") -> bool:
    from jsonpath.segments import JSONPathChildSegment  # noqa: PLC0415 # loaded on use
    from jsonpath.selectors import IndexSelector, NameSelector  # noqa: PLC0415 # loaded on use

    child = isinstance(segment, JSONPathChildSegment) and len(segment.selectors) == 1
    return child and isinstance(segment.selectors[0], NameSelector | IndexSelector)


def _check(segment: "JSONPathSegment") -> None:
    from jsonpath.segments import JSONPathChildSegment  # noqa: PLC0415 # loaded on use
    from jsonpath.selectors import Filter  # noqa: PLC0415 # loaded on use

    if not isinstance(segment, JSONPathChildSegment):
        raise JsonPathError(".. (search at every depth) is not supported: write the full path")
    if len(segment.selectors) > 1:
        raise JsonPathError(SEVERAL)
    if isinstance(segment.selectors[0], Filter):
        _check_filter(segment.selectors[0])


def _check_filter(selector: Any) -> None:
    from jsonpath import filter as parts  # noqa: PLC0415 # loaded on use

    literals = (parts.StringLiteral, parts.IntegerLiteral, parts.FloatLiteral, parts.BooleanLiteral, parts.Nil)
    allowed = (parts.FilterExpression, parts.InfixExpression, parts.PrefixExpression, *literals)
    operators = 0
    for one in parts.walk(selector.expression):
        if isinstance(one, parts.RelativeFilterQuery) and all(map(_is_single, one.path.segments)):
            continue
        if type(one) not in allowed:
            raise JsonPathError("a filter may compare only values at one place below @ with texts, numbers and true")
        operators += isinstance(one, parts.InfixExpression | parts.PrefixExpression)
    if operators > MOST_OPERATORS:
        raise JsonPathError(f"a filter may have at most {MOST_OPERATORS} comparisons, &&, || and !")


def _no_number(_: str) -> None:
    """Reject NaN and Infinity, which are not JSON."""
    raise ValueError
