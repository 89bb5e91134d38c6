"""Parse the answers of Prometheus's HTTP API into numbers. Missing data is a separate result: neither good nor bad.

The texts of a source are untrusted: of an error, only a short first line is passed on.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from statistics import median
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

Kind = Literal["Unreachable", "Timeout", "Refused", "TooLarge", "Malformed", "Unauthorized"]
MAX_SHARE = 0.5
"""Minimum fraction of the points of a range that need a number: fewer may be only from nights, or one incident."""
MAX_WORDS = 200
"""Maximum number of characters of a source's own text that are passed on."""
USERINFO = re.compile(r"(?<=//)\S*@")
HIDDEN = "***"
READ_WORDS = 10 * MAX_WORDS
"""Maximum number of characters of a line that are processed, so that a hostile line costs little time."""
LATE = ("timeout", "canceled")
AWAY = ("unavailable", "internal")
NO_ACCESS = (401, 403)
REFUSES = (400, 413, 414, 422)


@dataclass(frozen=True, slots=True)
class Sample:
    """One number. `at` is the time of evaluation; only the query `timestamp(metric)` returns that of the scrape."""

    labels: Mapping[str, str]
    value: float
    at: datetime


@dataclass(frozen=True)
class QueryError:
    """The reason why a query has no answer; the value stays unknown.

    Unreachable: no source answers there. Timeout: no answer in time. Refused: the source does not accept the query.
    TooLarge: the answer exceeds the limit. Malformed: it contains no numbers. Unauthorized: the source does not accept
    the credentials.
    """

    kind: Kind
    message: str


Answer = tuple[Sample, ...] | QueryError


@dataclass(frozen=True)
class Vector:
    """The answer to an instant query. A scalar becomes one sample without labels, and `scalar` is True."""

    samples: tuple[Sample, ...]
    scalar: bool = False


@dataclass(frozen=True)
class Matrix:
    """The answer to a range query: the samples of all series; each series has up to `points` of them."""

    samples: tuple[Sample, ...]
    points: int


# At most the last second of the year 9999, so that it always fits into a datetime.
Stamp = Annotated[float, Field(ge=0, lt=253402300800, allow_inf_nan=False)]
Point = tuple[Stamp, float]


class _AnswerPart(BaseModel):
    """A part of an answer; fields that are not declared here, such as warnings, are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True, extra="ignore")


class _Series(_AnswerPart):
    metric: dict[str, str]
    value: Point | None = None
    values: list[Point] | None = None


class _Data(_AnswerPart):
    result_type: Literal["vector", "scalar", "matrix", "string"]
    result: list[_Series] | Point = Field(union_mode="left_to_right")


class _Body(_AnswerPart):
    status: Literal["success", "error"]
    data: _Data | None = None
    error_type: str = ""
    error: str = ""


def vector(body: bytes) -> Vector | QueryError:
    """Parse an answer of /api/v1/query with status 200."""
    data = _data(body)
    if isinstance(data, QueryError):
        return data
    if data.result_type == "scalar" and isinstance(data.result, tuple):
        return Vector((_sample({}, data.result),), scalar=True)
    if data.result_type != "vector" or isinstance(data.result, tuple):
        return _malformed(f"the query returns a {data.result_type} and not one number per series")
    samples = tuple(_sample(one.metric, one.value) for one in data.result if one.value)
    return Vector(samples) if len(samples) == len(data.result) else _histogram()


def matrix(body: bytes, points: int) -> Matrix | QueryError:
    """Parse an answer of /api/v1/query_range with status 200, for this number of points in time."""
    data = _data(body)
    if isinstance(data, QueryError):
        return data
    if data.result_type != "matrix" or isinstance(data.result, tuple):
        return _malformed(f"the source returns a {data.result_type} for a range")
    if any(one.values is None for one in data.result):
        return _histogram()
    return Matrix(tuple(_sample(one.metric, point) for one in data.result for point in one.values or ()), points)


def refusal(status: int, body: bytes, secrets: Sequence[str] = ()) -> QueryError:
    """Return the error for a status other than 200. A body that is not of this API is not passed on."""
    said = f"the source answers {status}"
    if status in NO_ACCESS:
        return QueryError("Unauthorized", f"{said}: it does not accept the credentials or the tenant")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return QueryError("Unreachable", f"{said}: a redirect, which the operator does not follow")
    try:
        read = _Body.model_validate_json(body)
    except ValidationError:
        return QueryError(
            "Refused" if status in REFUSES else "Unreachable", f"{said}, and its body is not a Prometheus response"
        )
    message = f"{said}: {first_line(f'{read.error_type}: {read.error}', secrets)}"
    if read.error_type in LATE:
        return QueryError("Timeout", message)
    # Some sources have error types of their own: for these the status decides.
    refuses = status in REFUSES and read.error_type not in AWAY
    return QueryError("Refused" if refuses else "Unreachable", message)


def first_line(text: str, secrets: Sequence[str] = ()) -> str:
    """Return the first line of an untrusted text: short, printable, and without secrets."""
    line = next((one for one in text.splitlines() if one.strip()), "")
    for secret in secrets:
        line = line.replace(secret, HIDDEN)
    line = USERINFO.sub(f"{HIDDEN}@", line[:READ_WORDS])
    line = " ".join("".join(one if one.isprintable() else " " for one in line).split())
    return line if len(line) <= MAX_WORDS else line[: MAX_WORDS - 1] + "…"


def worst(samples: Iterable[Sample], direction: Literal["high", "low"]) -> Sample | None:
    """Return the highest or lowest sample, None if none is a number; of equal ones, the first by labels."""
    sign = -1 if direction == "high" else 1
    numbers = (one for one in samples if not math.isnan(one.value))
    return min(numbers, key=lambda one: (sign * one.value, sorted(one.labels.items())), default=None)


def is_stale(sample: Sample, now: datetime, after: timedelta) -> bool:
    """True if the sample is older than `after`, or by as much in the future, since then the clocks differ."""
    return abs(now - sample.at) > after


def median_of_range(found: Matrix) -> float | None:
    """Return the median of all numbers of all series; None if fewer than MAX_SHARE of the points in time have one.

    Series that come and go, such as those of pods, fill each other's gaps. An infinite number, such as from a division
    by zero, is left out like NaN, since it has no multiples.
    """
    numbers = [one for one in found.samples if math.isfinite(one.value)]
    times = len({one.at for one in numbers})
    if not times or times < found.points * MAX_SHARE:
        return None
    return median(one.value for one in numbers)


def _data(body: bytes) -> _Data | QueryError:
    try:
        read = _Body.model_validate_json(body)
    except ValidationError:
        return _malformed("the source's answer is not a Prometheus response")
    return read.data or _malformed("the source's answer contains no data")


def _sample(labels: Mapping[str, str], point: Point) -> Sample:
    return Sample(labels, point[1], datetime.fromtimestamp(point[0], UTC))


def _malformed(message: str) -> QueryError:
    return QueryError("Malformed", message)


def _histogram() -> QueryError:
    return _malformed("the query returns histograms and not numbers; use histogram_quantile or histogram_avg in it")
