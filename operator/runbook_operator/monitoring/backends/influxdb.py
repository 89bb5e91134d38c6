"""The backend of sources with InfluxDB's 1.x query API, `/query` with InfluxQL: InfluxDB 1.x, 2.x and 3.x have it.

Wire format: docs.influxdata.com, "InfluxDB API reference" of 1.8, "/query 1.x compatibility API" of 2, and "Use the
InfluxDB v1 HTTP query API" of 3. One request has one statement, since version 3 takes no more.

A query is a SELECT whose window ends now: `WHERE time > now() - 5m`. The operator replaces now() by a time, so that the
same query can also be evaluated in the past, which InfluxDB's own API cannot do. A newer point than that time is left
out. A query that could write is never sent.
"""

import asyncio
import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError

from runbook_operator.core import samples
from runbook_operator.core.query_languages import QueryLanguage
from runbook_operator.core.samples import NO_ACCESS, REFUSES, Answer, Matrix, QueryError, Sample, first_line
from runbook_operator.monitoring.backends.metric_backend import (
    PATIENCE,
    MetricBackend,
    Observe,
    Terms,
    WithCredentials,
)
from runbook_operator.monitoring.backends.source_connection import (
    NOT_ASKED,
    SourceConnection,
    address,
    authorization,
    secrets_of,
)
from runbook_operator.runtime import clock

RANGE_POINTS = 60
"""Maximum points of a range. Each is one request: a baseline needs no more, and readings must not wait."""
LONGEST = timedelta(days=3650)
SECONDS = {"ns": 1e-9, "u": 1e-6, "µ": 1e-6, "ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
PART = re.compile(r"([0-9]+)(ns|ms|[uµsmhdw])")
NOW = re.compile(r"\bnow\(\)", re.IGNORECASE)
WINDOW = re.compile(r"\btime\s*(>=?)\s*now\(\)(?:\s*-\s*((?:[0-9]+(?:ns|ms|[uµsmhdw]))+))?", re.IGNORECASE)
SELECT = re.compile(r"\s*SELECT\b", re.IGNORECASE)
INTO = re.compile(r"\bINTO\b", re.IGNORECASE)
NO_WINDOW = (
    "the query has no time > now() - DURATION, without which an old number would count as the present one: write "
    "WHERE time > now() - 5m"
)


def mistake(query: str) -> str:
    """Return why the query is not sent; "" if it is sent. The query is not parsed, so text in quotes counts too."""
    if not SELECT.match(query):
        return "the query is not an InfluxQL SELECT"
    if ";" in query:
        return "the query contains ; but may be one statement only"
    if INTO.search(query):
        return "the query contains INTO, which writes"
    return "" if WINDOW.search(query) else NO_WINDOW


def lookback(query: str) -> timedelta:
    """Return the longest window of the query; nothing for one that is not sent."""
    windows = (PART.findall(found[2] or "") for found in WINDOW.finditer(query))
    seconds = max((sum(int(number) * SECONDS[unit] for number, unit in one) for one in windows), default=0)
    return timedelta(seconds=seconds) if seconds < LONGEST.total_seconds() else LONGEST


def evaluated(query: str, at: datetime) -> str:
    """Return the query with each window ending at this time, and with now() replaced by it."""
    moment = f"'{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z'"

    def window(found: re.Match[str]) -> str:
        back = f" - {found[2]}" if found[2] else ""
        return f"(time {found[1]} {moment}{back} AND time <= {moment})"

    return NOW.sub(moment, WINDOW.sub(window, query))


INFLUXQL = QueryLanguage("InfluxQL", lookback, lookback, lambda query, _absent_is_zero: mistake(query))


class InfluxDBSource(WithCredentials):
    """An entry for a source with InfluxDB's 1.x query API."""

    type: Literal["influxdb"]
    database: Annotated[str, Field(min_length=1, max_length=256)]
    retention_policy: Annotated[str, Field(max_length=256)] = ""


class InfluxDB(MetricBackend):
    """InfluxDB 1.x, 2.x or 3.x, queried in InfluxQL."""

    kind = "influxdb"
    Spec = InfluxDBSource
    language = INFLUXQL

    def __init__(self, terms: Terms, observe: Observe) -> None:
        spec: InfluxDBSource = terms.spec
        token = terms.files.get("tokenFile")
        header = authorization(token, terms.basic, "Token")
        refusal = partial(_refusal, secrets=secrets_of(token, terms.basic, header))
        ca, seconds = terms.files.get("caFile"), terms.seconds
        self._source = SourceConnection(
            address(spec.url)[0], {"Authorization": header}, refusal, ca=ca, seconds=seconds, observe=observe
        )
        self._seconds = seconds
        self._form = {"db": spec.database, "rp": spec.retention_policy, "epoch": "ms"}

    @classmethod
    def connect(cls, terms: Terms, observe: Observe) -> Self:
        return cls(terms, observe)

    @property
    def ahead(self) -> timedelta | None:
        return self._source.ahead

    async def instant(self, queries: Iterable[str], at: datetime) -> dict[str, Answer]:
        """Send each query as a request of its own, over CONNECTIONS connections."""
        until = clock.monotonic() + PATIENCE * self._seconds
        unique = list(dict.fromkeys(queries))
        answers = await asyncio.gather(*(self._ask(query, at, until) for query in unique))
        return dict(zip(unique, answers, strict=True))

    async def range_(self, query: str, start: datetime, end: datetime, step: timedelta) -> Matrix | QueryError:
        """Evaluate the query at each point, one after the other, so that readings find a free connection."""
        every = math.ceil(((end - start) // step + 1) / RANGE_POINTS)
        points = (end - start) // (step * every) + 1
        found: list[Sample] = []
        for number in range(points):
            answer = await self._ask(query, end - number * every * step)
            if isinstance(answer, QueryError):
                return answer
            found += answer
        return Matrix(tuple(found), points)

    async def close(self) -> None:
        await self._source.close()

    async def _ask(self, query: str, at: datetime, until: float = math.inf) -> Answer:
        if why := mistake(query):
            return QueryError("Refused", why)
        async with self._source.slots:
            if clock.monotonic() > until:
                return NOT_ASKED
            body = await self._source.ask("query", self._form | {"q": evaluated(query, at)})
        return body if isinstance(body, QueryError) else numbers(body, at)


class _Series(BaseModel):
    name: str = ""
    tags: dict[str, str] = {}
    columns: list[str]
    values: list[list[Any]] = []


class _Result(BaseModel):
    series: list[_Series] = []
    error: str = ""
    partial: bool = False


class _Body(BaseModel):
    """An answer; version 2 reports an error in `message`."""

    results: list[_Result] = []
    error: str = ""
    message: str = ""


def numbers(body: bytes, at: datetime) -> Answer:
    """Return the newest number of each series in an answer with status 200, as evaluated at this time."""
    try:
        (result,) = _Body.model_validate_json(body).results
    except ValueError:
        return _malformed("the source's answer is not an InfluxDB response")
    if result.error:
        late = "timeout" in result.error.lower()
        return QueryError("Timeout" if late else "Refused", f"the source refuses the query: {first_line(result.error)}")
    if result.partial or any(one.columns[:1] != ["time"] or len(one.columns) != 2 for one in result.series):  # noqa: PLR2004 # time and a number
        return _malformed("a query gives the time and one number, in few rows: select one column, and group fewer rows")
    found = [(one, _newest(one.values)) for one in result.series]
    if any(isinstance(value, str | bool) for _, value in found):
        return _malformed("the query gives texts or true and false, not numbers; count() or sum() make numbers")
    return tuple(
        Sample({"__name__": one.name} | one.tags, float(value), at) for one, value in found if value is not None
    )


def _newest(rows: Sequence[Sequence[Any]]) -> Any:
    """Return the value of the newest row that has one; a GROUP BY time() gives rows without, also the last one."""
    filled = [(row[0], row[1]) for row in rows if row[1] is not None]
    return max(filled, key=lambda row: row[0], default=(0, None))[1]


def _refusal(status: int, body: bytes, secrets: Sequence[str]) -> QueryError:
    """Return the error of an answer with a status other than 200."""
    if status in NO_ACCESS or HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return samples.refusal(status, b"")
    said = f"the source answers {status}"
    kind: samples.Kind = "Refused" if status in (*REFUSES, HTTPStatus.NOT_FOUND) else "Unreachable"
    try:
        read = _Body.model_validate_json(body)
    except ValidationError:
        return QueryError(kind, f"{said}, and its body is not an InfluxDB response")
    why = read.error or read.message
    if "timeout" in why.lower():
        kind = "Timeout"
    return QueryError(kind, f"{said}: {first_line(why, secrets)}")


def _malformed(message: str) -> QueryError:
    return QueryError("Malformed", message)
