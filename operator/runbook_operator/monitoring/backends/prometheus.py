"""The backend of sources with Prometheus's HTTP API: Prometheus, Thanos, Mimir or VictoriaMetrics.

Queries that are due together become few requests. No answer holds a credential, nor anything of a body but the source's
own short error message.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Literal, Self

from pydantic import Field

from runbook_operator.core import samples
from runbook_operator.core.promql_batching import Sizes, combined, parted
from runbook_operator.core.samples import Answer, Kind, Matrix, QueryError, Sample
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
from runbook_operator.monitoring.promql import PROMQL
from runbook_operator.runtime import clock

QUICK = 0.25
"""The fraction of the time-out within which an answer is quick: twice as many queries would be answered in time."""
DIVIDED: tuple[Kind, ...] = ("Refused", "TooLarge", "Malformed")
"""Errors that one query of a batch may cause and that come quickly: the halves of the batch are tried at once."""
BLAMED: tuple[Kind, ...] = (*DIVIDED, "Timeout")
# A partial response could lack the worst series. These options of Thanos and VictoriaMetrics make it an error.
WHOLE = {"partial_response": "false", "deny_partial_response": "1"}


class PrometheusSource(WithCredentials):
    """An entry for a source with Prometheus's HTTP API."""

    type: Literal["prometheus"] = "prometheus"
    tenant: Annotated[str, Field(max_length=1024, pattern=r"^[!-~]*$")] = ""


class Prometheus(MetricBackend):
    """Prometheus, Thanos, Mimir or VictoriaMetrics, queried in PromQL."""

    kind = "prometheus"
    Spec = PrometheusSource
    language = PROMQL

    def __init__(  # noqa: PLR0913 # each is an option of a source
        self,
        url: str,
        *,
        ca: str | None = None,
        token: str | None = None,
        basic: tuple[str, str] | None = None,
        tenant: str | None = None,
        seconds: float = 5.0,
        observe: Observe = lambda _kind, _seconds: None,
    ) -> None:
        """Create it inside the event loop; `ca` is PEM. An invalid argument raises ValueError, and nothing else."""
        plain, user = address(url)
        header = authorization(token, basic or user)
        refusal = partial(samples.refusal, secrets=secrets_of(token, basic or user, header))
        headers = {"Authorization": header, "X-Scope-OrgID": (tenant or "").strip()}
        self._source = SourceConnection(plain / "api" / "v1", headers, refusal, ca=ca, seconds=seconds, observe=observe)
        self._seconds = seconds
        self._sizes = Sizes()

    @classmethod
    def connect(cls, terms: Terms, observe: Observe) -> Self:
        spec: PrometheusSource = terms.spec
        return cls(
            spec.url,
            ca=terms.files.get("caFile"),
            token=terms.files.get("tokenFile"),
            basic=terms.basic,
            tenant=spec.tenant,
            seconds=terms.seconds,
            observe=observe,
        )

    @property
    def ahead(self) -> timedelta | None:
        return self._source.ahead

    async def instant(self, queries: Iterable[str], at: datetime) -> dict[str, Answer]:
        until = clock.monotonic() + PATIENCE * self._seconds
        batches = self._sizes.batches(dict.fromkeys(queries))
        answers: dict[str, Answer] = {}
        for found in await asyncio.gather(*(self._batch(batch, at, until) for batch in batches)):
            answers |= found
        return answers

    async def range_(self, query: str, start: datetime, end: datetime, step: timedelta) -> Matrix | QueryError:
        times = {"start": _stamp(start), "end": _stamp(end), "step": f"{step.total_seconds():.3f}"}
        async with self._source.slots:
            body = await self._ask("query_range", {"query": query} | times)
        return body if isinstance(body, QueryError) else samples.matrix(body, (end - start) // step + 1)

    async def close(self) -> None:
        await self._source.close()

    async def _batch(self, batch: Sequence[str], at: datetime, until: float) -> dict[str, Answer]:
        """Return the answers of a batch; if one of its queries makes it fail, query the halves separately."""
        found = await self._asked(batch, at, until)
        if not isinstance(found, QueryError):
            return dict(zip(batch, found, strict=True))
        if len(batch) == 1 or found.kind not in DIVIDED:
            return dict.fromkeys(batch, found)
        half = len(batch) // 2
        parts = (self._batch(part, at, until) for part in (batch[:half], batch[half:]))
        first, second = await asyncio.gather(*parts)
        return first | second

    async def _asked(
        self, batch: Sequence[str], at: datetime, until: float
    ) -> Sequence[tuple[Sample, ...]] | QueryError:
        """Return the samples of each query of a batch by one request, and adapt the batch size to the outcome."""
        async with self._source.slots:
            began = clock.monotonic()
            if began > until:
                return NOT_ASKED
            found = await self._vectors(batch, at)
        if not isinstance(found, QueryError):
            self._sizes.answered(batch, quickly=clock.monotonic() - began < QUICK * self._seconds)
        elif found.kind in BLAMED:
            self._sizes.failed(batch)
            if len(batch) > 1:
                return replace(found, message=f"{found.message}; the request contained {len(batch) - 1} other queries")
        return found

    async def _vectors(self, batch: Sequence[str], at: datetime) -> Sequence[tuple[Sample, ...]] | QueryError:
        alone = len(batch) == 1
        query = batch[0] if alone else combined(batch, self._sizes.scalars)
        body = await self._ask("query", {"query": query, "time": _stamp(at)})
        found = body if isinstance(body, QueryError) else samples.vector(body)
        if isinstance(found, QueryError):
            return found
        if found.scalar:
            self._sizes.is_scalar(query)
        parts = [found.samples] if alone else parted(found.samples, len(batch))
        return parts or QueryError(
            "Malformed", "the source drops the label that distinguishes the queries of a request"
        )

    async def _ask(self, path: str, form: Mapping[str, str]) -> bytes | QueryError:
        return await self._source.ask(path, {**form, **WHOLE, "timeout": f"{self._seconds * 1000:.0f}ms"})


def _stamp(at: datetime) -> str:
    return f"{at.timestamp():.3f}"
