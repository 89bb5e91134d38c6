"""Numbers from a source that speaks Prometheus's HTTP API. No data is an answer of its own: neither good nor bad news.

What a source says in words is written by others: of an error no more than a short first line is ever passed on.
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
SHARE = 0.5
"""Of the points of a range, how many must hold a number: less may be the nights only, or one incident only."""
MOST_WORDS = 200
"""Characters of a source's own words that are passed on."""
USERINFO = re.compile(r"(?<=//)\S*@")
HIDDEN = "***"
READ_WORDS = 10 * MOST_WORDS
"""Of a longer line no more is looked at, so that a hostile one costs nothing."""
LATE = ("timeout", "canceled")
AWAY = ("unavailable", "internal")
NO_ACCESS = (401, 403)
REFUSES = (400, 413, 414, 422)


@dataclass(frozen=True, slots=True)
class Sample:
    """One number. `at` is when the query was evaluated; only `timestamp(metric)` says when a target was scraped."""

    labels: Mapping[str, str]
    value: float
    at: datetime


@dataclass(frozen=True)
class QueryError:
    """Why there is no answer. It says nothing of the value, which stays unknown.

    Unreachable: nothing that answers is there. Timeout: no answer in time. Refused: the source does not take the query.
    TooLarge: more than is read. Malformed: no numbers in it. Unauthorized: the credentials are not accepted.
    """

    kind: Kind
    message: str


Answer = tuple[Sample, ...] | QueryError


@dataclass(frozen=True)
class Vector:
    """The answer to an instant query; a scalar is one sample without labels, and is remembered to have been one."""

    samples: tuple[Sample, ...]
    scalar: bool = False


@dataclass(frozen=True)
class Matrix:
    """The answer to a range query: the samples of all series, of which each may have one for each of `points` times."""

    samples: tuple[Sample, ...]
    points: int


# Bounded by the last second of the year 9999, so that a datetime can always be made of it.
Stamp = Annotated[float, Field(ge=0, lt=253402300800, allow_inf_nan=False)]
Point = tuple[Stamp, float]


class _Part(BaseModel):
    """A part of an answer; what is not named here, such as warnings, is left alone."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True, extra="ignore")


class _Series(_Part):
    metric: dict[str, str]
    value: Point | None = None
    values: list[Point] | None = None


class _Data(_Part):
    result_type: Literal["vector", "scalar", "matrix", "string"]
    result: list[_Series] | Point = Field(union_mode="left_to_right")


class _Body(_Part):
    status: Literal["success", "error"]
    data: _Data | None = None
    error_type: str = ""
    error: str = ""


def vector(body: bytes) -> Vector | QueryError:
    """What /api/v1/query answered with status 200."""
    data = _data(body)
    if isinstance(data, QueryError):
        return data
    if data.result_type == "scalar" and isinstance(data.result, tuple):
        return Vector((_sample({}, data.result),), scalar=True)
    if data.result_type != "vector" or isinstance(data.result, tuple):
        return _malformed(f"the query gives a {data.result_type} and not a number for each series")
    samples = tuple(_sample(one.metric, one.value) for one in data.result if one.value)
    return Vector(samples) if len(samples) == len(data.result) else _histogram()


def matrix(body: bytes, points: int) -> Matrix | QueryError:
    """What /api/v1/query_range answered with status 200 for so many points in time."""
    data = _data(body)
    if isinstance(data, QueryError):
        return data
    if data.result_type != "matrix" or isinstance(data.result, tuple):
        return _malformed(f"the source gives a {data.result_type} for a range")
    if any(one.values is None for one in data.result):
        return _histogram()
    return Matrix(tuple(_sample(one.metric, point) for one in data.result for point in one.values or ()), points)


def refusal(status: int, body: bytes, secrets: Sequence[str] = ()) -> QueryError:
    """What an answer with another status than 200 means. The words of one that does not speak the API are not read."""
    said = f"the source answers {status}"
    if status in NO_ACCESS:
        return QueryError("Unauthorized", f"{said}: it does not accept the credentials, or the tenant")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return QueryError("Unreachable", f"{said}: a redirect, which is not followed")
    try:
        read = _Body.model_validate_json(body)
    except ValidationError:
        return QueryError("Refused" if status in REFUSES else "Unreachable", f"{said}, and not as Prometheus does")
    message = f"{said}: {first_line(f'{read.error_type}: {read.error}', secrets)}"
    if read.error_type in LATE:
        return QueryError("Timeout", message)
    # Some sources have types of their own: there the status tells.
    refuses = status in REFUSES and read.error_type not in AWAY
    return QueryError("Refused" if refuses else "Unreachable", message)


def first_line(text: str, secrets: Sequence[str] = ()) -> str:
    """The first line of somebody's text, short, printable, and without what is secret."""
    line = next((one for one in text.splitlines() if one.strip()), "")
    for secret in secrets:
        line = line.replace(secret, HIDDEN)
    line = USERINFO.sub(f"{HIDDEN}@", line[:READ_WORDS])
    line = " ".join("".join(one if one.isprintable() else " " for one in line).split())
    return line if len(line) <= MOST_WORDS else line[: MOST_WORDS - 1] + "…"


def worst(samples: Iterable[Sample], direction: Literal["high", "low"]) -> Sample | None:
    """The highest, or lowest, of several series, None where no number is; of equals always the same one is named."""
    sign = -1 if direction == "high" else 1
    numbers = (one for one in samples if not math.isnan(one.value))
    return min(numbers, key=lambda one: (sign * one.value, sorted(one.labels.items())), default=None)


def is_stale(sample: Sample, now: datetime, after: timedelta) -> bool:
    """Whether it tells nothing of now: it is older than that, or so far ahead that its clock is not ours."""
    return abs(now - sample.at) > after


def median_of_range(found: Matrix) -> float | None:
    """The median of every number of every series; None where fewer than SHARE of the points in time have one.

    Series that come and go, such as pods, fill each other's gaps. An infinite number, as a division by zero gives, is
    left out like NaN: nothing can be a multiple of it.
    """
    numbers = [one for one in found.samples if math.isfinite(one.value)]
    times = len({one.at for one in numbers})
    if not times or times < found.points * SHARE:
        return None
    return median(one.value for one in numbers)


def _data(body: bytes) -> _Data | QueryError:
    try:
        read = _Body.model_validate_json(body)
    except ValidationError:
        return _malformed("the source answers, and not as Prometheus does")
    return read.data or _malformed("the source answers without data")


def _sample(labels: Mapping[str, str], point: Point) -> Sample:
    return Sample(labels, point[1], datetime.fromtimestamp(point[0], UTC))


def _malformed(message: str) -> QueryError:
    return QueryError("Malformed", message)


def _histogram() -> QueryError:
    return _malformed("the query gives histograms and not numbers; histogram_quantile or histogram_avg make numbers")
