"""The HTTP connections of one metric source, for every backend: POST of a form, limited in time, size and number.

The administrator configures the address, so the guard of outgoing connections does not apply. An error is returned, not
raised, and holds no credential and nothing of a body.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp
from yarl import URL

from runbook_operator.core.references import USER_AGENT
from runbook_operator.core.samples import QueryError, first_line
from runbook_operator.monitoring.backends.metric_backend import Observe
from runbook_operator.runtime import clock

CONNECTIONS = 4
KEPT_SECONDS = 30.0
"""Idle connections are closed before a load balancer closes them, usually after a minute."""
MOST_BYTES = 2 * 2**20
"""Maximum size of one answer, some 7,000 series: more would block the event loop for longer than a switch may wait."""
NOT_ASKED = QueryError("Timeout", "the query was not sent: the source took all the time for other queries")
Refusal = Callable[[int, bytes], QueryError]
"""Returns the error of an answer with a status other than 200."""


class SourceConnection:
    """The connections. Create it inside the event loop: an invalid CA or header raises ValueError. No method raises."""

    def __init__(
        self,
        url: URL,
        headers: Mapping[str, str],
        refusal: Refusal,
        *,
        ca: str | None,
        seconds: float,
        observe: Observe,
    ) -> None:
        self._url = url
        self._refusal = refusal
        self._seconds = seconds
        self._observe = observe
        self.slots = asyncio.Semaphore(CONNECTIONS)
        """A query holds one slot for the duration of its request."""
        self._session = _session(ca, headers, seconds)
        self.ahead: timedelta | None = None
        """The lead of the source's clock over this one, to the second, by the Date of its last answer."""

    async def ask(self, path: str, form: Mapping[str, str]) -> bytes | QueryError:
        """Return the body of an answer with status 200; every other outcome is a QueryError."""
        if self._session.closed:
            return QueryError("Unreachable", "the source is no longer configured")
        began = clock.monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                status, body = await self._send(path, form)
            found = body if status == HTTPStatus.OK else self._refusal(status, body)
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

    async def close(self) -> None:
        await self._session.close()

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


def address(url: str) -> tuple[URL, tuple[str, str] | None]:
    """Return the address without credentials, and the user and password that the URL held, if any."""
    try:
        parsed = URL(url)
    except ValueError:
        parsed = URL()
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query_string or parsed.fragment:
        raise ValueError("the URL must be http:// or https:// with a host and optionally a path")
    user = (parsed.user or "", parsed.password or "") if parsed.user or parsed.password else None
    return parsed.with_user(None), user


def authorization(token: str | None, basic: tuple[str, str] | None, scheme: str = "Bearer") -> str:
    """Return the header's value for a token of this scheme, or for a user; "" for neither. Raises ValueError."""
    if token and basic:
        raise ValueError("set a token or a password, not both")
    if basic:
        return aiohttp.encode_basic_auth(*basic, "utf-8")
    return f"{scheme} {token.strip()}" if token else ""


def secrets_of(token: str | None, basic: tuple[str, str] | None, header: str) -> list[str]:
    """Return the texts that no message may show: the token, the password, and the header's form of them."""
    return [one for one in (token, *(basic or ())[1:], *header.split()[1:]) if one]


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
        connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEPT_SECONDS, ssl=trusted),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=seconds / 2),
        headers=usual | {name: value for name, value in headers.items() if value},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


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
