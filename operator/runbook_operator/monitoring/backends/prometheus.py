"""A client of one source with Prometheus's HTTP API: Prometheus, Thanos, Mimir or VictoriaMetrics.

The administrator configures it. Queries that are due together become few requests. An error is returned as an answer,
not raised. No answer holds a credential, nor anything of a body but the source's own short error message.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp
from yarl import URL

from runbook_operator.core import samples
from runbook_operator.core.promql_batching import Sizes, combined, parted
from runbook_operator.core.references import USER_AGENT
from runbook_operator.core.samples import Answer, Kind, Matrix, QueryError, Sample, first_line
from runbook_operator.runtime import clock

CONNECTIONS = 4
CACHED_SECONDS = 30.0
"""Idle connections are closed before a load balancer closes them, usually after a minute."""
MOST_BYTES = 2 * 2**20
"""Maximum size of one answer, some 7,000 series: more would block the event loop for longer than a switch may wait."""
PATIENCE = 3
"""After this multiple of the request time-out, queries that have not started are dropped."""
QUICK = 0.25
"""The fraction of the time-out within which an answer is quick: twice as many queries would be answered in time."""
DIVIDED: tuple[Kind, ...] = ("Refused", "TooLarge", "Malformed")
"""Errors that one query of a batch may cause and that come quickly: the halves of the batch are tried at once."""
BLAMED: tuple[Kind, ...] = (*DIVIDED, "Timeout")
# A partial response could lack the worst series. These options of Thanos and VictoriaMetrics make it an error.
WHOLE = {"partial_response": "false", "deny_partial_response": "1"}
Observe = Callable[[str, float], None]


class Prometheus:
    """The client. Create it inside the event loop; an invalid argument raises ValueError, and nothing else raises."""

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
        """`ca` is PEM; `observe` gets, for each request, Answered or an error's kind, and its duration in seconds."""
        self._url, user = _address(url)
        authorization = _authorization(token, basic or user)
        self._secrets = [one for one in (token, *(basic or user or ())[1:], *authorization.split()[1:]) if one]
        self._seconds = seconds
        self._observe = observe
        self._sizes = Sizes()
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._session = _session(ca, {"Authorization": authorization, "X-Scope-OrgID": (tenant or "").strip()}, seconds)
        self.ahead: timedelta | None = None
        """How far the source's clock is ahead of ours, to the second, by the Date of its last answer."""

    async def instant(self, queries: Iterable[str], at: datetime) -> dict[str, Answer]:
        """Return the answer to each query, within (PATIENCE + 1) times the request time-out."""
        until = clock.monotonic() + PATIENCE * self._seconds
        batches = self._sizes.batches(dict.fromkeys(queries))
        answers: dict[str, Answer] = {}
        for found in await asyncio.gather(*(self._batch(batch, at, until) for batch in batches)):
            answers |= found
        return answers

    async def range_(self, query: str, start: datetime, end: datetime, step: timedelta) -> Matrix | QueryError:
        """Return the values of the query from `start` to `end`, each included."""
        times = {"start": _stamp(start), "end": _stamp(end), "step": f"{step.total_seconds():.3f}"}
        async with self._slots:
            body = await self._ask("query_range", {"query": query} | times)
        return body if isinstance(body, QueryError) else samples.matrix(body, (end - start) // step + 1)

    async def close(self) -> None:
        await self._session.close()

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
        async with self._slots:
            began = clock.monotonic()
            if began > until:
                return QueryError("Timeout", "the query was not sent: the source took all the time for other queries")
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
        """Return the body of an answer with status 200; every other outcome is a QueryError."""
        if self._session.closed:
            return QueryError("Unreachable", "the source is no longer configured")
        began = clock.monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                status, body = await self._send(path, {**form, **WHOLE, "timeout": f"{self._seconds * 1000:.0f}ms"})
            found = body if status == HTTPStatus.OK else samples.refusal(status, body, self._secrets)
        except _TooLargeError:
            found = QueryError(
                "TooLarge", f"the response is larger than {MOST_BYTES // 2**20} MiB: aggregate the query"
            )
        except TimeoutError as error:
            found = _late(error, self._seconds)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            found = _failure(error)
        self._observe(found.kind if isinstance(found, QueryError) else "Answered", clock.monotonic() - began)
        return found

    async def _send(self, path: str, form: Mapping[str, str]) -> tuple[int, bytes]:
        """Send the request; retry once if a kept connection was closed, since a query changes nothing."""
        try:
            return await self._post(path, form)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            return await self._post(path, form)

    async def _post(self, path: str, form: Mapping[str, str]) -> tuple[int, bytes]:
        async with self._session.post(self._url / path, data=form, allow_redirects=False) as answer:
            self.ahead = _ahead(answer.headers.get("Date", ""))
            body = bytearray()
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise _TooLargeError
            return answer.status, bytes(body)


class _TooLargeError(Exception):
    """The answer is larger than MOST_BYTES."""


def _session(ca: str | None, headers: Mapping[str, str], seconds: float) -> aiohttp.ClientSession:
    if not all(value.isprintable() for value in headers.values()):
        raise ValueError("the token or the tenant contains characters that a header may not contain")
    try:
        # Bundles name their authorities in comments, in any language.
        trusted = ssl.create_default_context(cadata=ca.encode("ascii", "ignore").decode()) if ca else True
    except ssl.SSLError as error:
        raise ValueError("the CA is not a certificate in PEM format") from error
    # No compression is requested or unpacked, so that an answer that is small on the wire cannot become large here.
    usual = {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity"}
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=CACHED_SECONDS, ssl=trusted),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=seconds / 2),
        headers=usual | {name: value for name, value in headers.items() if value},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


def _address(url: str) -> tuple[URL, tuple[str, str] | None]:
    """Return the API's address without credentials, and the user and password that the URL held, if any."""
    try:
        parsed = URL(url)
    except ValueError:
        parsed = URL()
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query_string or parsed.fragment:
        raise ValueError("the URL must be http:// or https:// with a host and optionally a path")
    user = (parsed.user or "", parsed.password or "") if parsed.user or parsed.password else None
    return parsed.with_user(None) / "api" / "v1", user


def _authorization(token: str | None, basic: tuple[str, str] | None) -> str:
    if token and basic:
        raise ValueError("set a token or a password, not both")
    if basic:
        return aiohttp.encode_basic_auth(*basic, "utf-8")
    return f"Bearer {token.strip()}" if token else ""


def _late(error: TimeoutError, seconds: float) -> QueryError:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return QueryError("Unreachable", f"no connection within {seconds / 2:g} s")
    return QueryError("Timeout", f"no response within {seconds:g} s")


def _failure(error: Exception) -> QueryError:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = first_line(str(getattr(error.certificate_error, "verify_message", "") or "unknown reason"))
        return QueryError("Unreachable", f"the source's certificate was not accepted: {why}")
    if isinstance(error, aiohttp.ClientConnectorError):
        return QueryError("Unreachable", f"no connection: {first_line(error.strerror or 'unknown reason')}")
    if isinstance(error, aiohttp.ClientResponseError):
        return QueryError("Malformed", "the response is not HTTP")
    if isinstance(error, aiohttp.ClientError | OSError):
        return QueryError("Unreachable", "the connection was closed before the response was complete")
    return QueryError("Refused", "the request cannot be built")


def _ahead(date: str) -> timedelta | None:
    try:
        return parsedate_to_datetime(date) - clock.now()
    except (ValueError, TypeError):
        return None


def _stamp(at: datetime) -> str:
    return f"{at.timestamp():.3f}"
