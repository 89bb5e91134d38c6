"""Check Services, pods and URLs through the egress guard, and query the administrator's metric sources.

Every outcome is a Reading, even if the target or the API server fails or an object is missing. No text of a Reading
has a body, a header, the query of a URL, or anything out of a Secret.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from runbook_operator.core import url_policy
from runbook_operator.core.check_not_performed import CheckNotPerformedError
from runbook_operator.core.monitors import (
    AskGrpc,
    AskHttp,
    AskMetric,
    AskNumber,
    AskTcp,
    Key,
    Reading,
    SecretKeyRef,
    Secured,
    ServiceEndpoint,
    Watch,
)
from runbook_operator.core.references import Ref
from runbook_operator.egress import health_protocols
from runbook_operator.egress.egress_guard import Fault, Tls
from runbook_operator.egress.health_protocols import NO_MATCH, OPEN, CheckResult, contains
from runbook_operator.egress.http_client import Endpoint, Matcher, Outbound, RequestOptions
from runbook_operator.kube.endpoint_cache import Addresses, Destination
from runbook_operator.kube.secret_cache import Secrets
from runbook_operator.monitoring.io.metric_reader import MetricReader
from runbook_operator.monitoring.io.number_reader import Numbers

Check = AskHttp | AskTcp | AskGrpc
Ask = Callable[[Destination], Awaitable[CheckResult]]
PODS_AT_ONCE = 16
"""Concurrent checks of the pods of one Service, since all checks share the connections of the egress guard."""
MAYBE_OLD_SECRET = frozenset({"401", "403", Fault.TLS.value})
"""Results that may come from a credential or a CA that was replaced since it was read."""
LONGEST_PATH = 128
HEALTHY = "Healthy"


@dataclass(frozen=True)
class HealthChecker:
    """The health checker: it gives one Reading for each watch."""

    out: Outbound
    addresses: Addresses
    secrets: Secrets
    measure: MetricReader
    numbers: Numbers

    async def __call__(self, watches: Sequence[Watch]) -> Mapping[Key, Reading]:
        """Check all watches concurrently, the metrics of one source in one call."""
        metrics: dict[str, list[tuple[Watch, AskMetric]]] = defaultdict(list)
        due: list[Awaitable[Mapping[Key, Reading]]] = []
        for watch in watches:
            if isinstance(watch.ask, AskMetric):
                metrics[watch.ask.source].append((watch, watch.ask))
            elif isinstance(watch.ask, AskNumber):
                due.append(self._counted(watch.key, watch.ask, watch.timeout.total_seconds()))
            else:
                due.append(self._answered(watch.key, watch.ask, watch.timeout.total_seconds()))
        due += [self.measure(source, group) for source, group in metrics.items()]
        if len(due) == 1:  # true of every check: another task would cost a tenth of a check
            return await due[0]
        return {key: reading for found in await asyncio.gather(*due) for key, reading in found.items()}

    async def _answered(self, key: Key, check: Check, seconds: float) -> Mapping[Key, Reading]:
        match = contains(check.contains) if isinstance(check, AskHttp) and check.contains else None
        try:
            return {key: await self.check(check, seconds, match)}
        except CheckNotPerformedError as error:
            return {key: Reading(reason=error.reason, message=str(error))}

    async def _counted(self, key: Key, ask: AskNumber, seconds: float) -> Mapping[Key, Reading]:
        async def fetch(request: AskHttp, match: Matcher) -> Reading:
            wanted = contains(request.contains) if request.contains else None
            return await self.check(request, seconds, lambda body: (not wanted or wanted(body)) and match(body))

        return {key: await self.numbers.read(key, ask, fetch)}

    async def check(self, check: Check, seconds: float, match: Matcher | None = None) -> Reading:
        """Check once; `match` gets the body of an HTTP answer and returns True if it is as expected.

        Raises CheckNotPerformedError if the check cannot be performed.
        """
        if isinstance(check.where, ServiceEndpoint):
            return await self._of_service(check, check.where, seconds, match)
        how = await self._how(check, seconds, Tls())
        result = await health_protocols.http(self.out, check.where, check.expected, match, how)
        return self._told(check, result, url_policy.shown(check.where))

    async def _of_service(self, check: Check, place: ServiceEndpoint, seconds: float, match: Matcher | None) -> Reading:
        destinations = await self.addresses.destinations(place)
        ask = await self._way(check, place.service, seconds, match)

        async def read(to: Destination) -> Reading:
            return self._told(check, await ask(to), f"{to.ref}:{to.port}{_path(check)}")

        if not place.each:
            return await read(destinations[0])
        return worst(place.service, destinations, await _each(destinations, read))

    async def _way(self, check: Check, service: Ref, seconds: float, match: Matcher | None) -> Ask:
        """Return the function that checks one destination; raises CheckNotPerformedError if a Secret cannot be read."""
        if isinstance(check, AskTcp):
            return lambda to: health_protocols.tcp(self.out, to.address, to.port, seconds)
        tls = await self._tls(check.tls, service) if check.tls else None
        if isinstance(check, AskGrpc):
            name = check.health_service
            return lambda to: health_protocols.grpc(self.out, to.address, to.port, name, seconds=seconds, tls=tls)
        how, expected = await self._how(check, seconds, tls or Tls()), check.expected
        at = partial(Endpoint, path=check.path, scheme="https" if tls else "http")
        return lambda to: health_protocols.http(self.out, at(to.address, to.port), expected, match, how)

    async def _tls(self, secured: Secured, service: Ref) -> Tls:
        ca = await self.secrets.value(secured.ca) if secured.ca else b""
        return Tls(ca, secured.server_name or f"{service.name}.{service.namespace}.svc", secured.skip_verify)

    async def _how(self, check: AskHttp, seconds: float, tls: Tls) -> RequestOptions:
        headers = {name: value if isinstance(value, str) else await self._text(value) for name, value in check.headers}
        return RequestOptions(headers=headers, seconds=seconds, tls=tls)

    async def _text(self, kept: SecretKeyRef) -> str:
        """Return the value of a Secret's key, without the line end that most tools append."""
        value = await self.secrets.value(kept)
        if not value.isascii():
            raise CheckNotPerformedError(
                "SecretUnusable", f"key {kept.key} of {kept.secret} is not ASCII, and a header must be"
            )
        return value.decode().strip()

    def _told(self, check: Check, result: CheckResult, where: str) -> Reading:
        if result.status in MAYBE_OLD_SECRET:
            for kept in _secret_keys(check):
                self.secrets.distrust(kept)
        return reading_of(result, where)


async def _each(
    destinations: Sequence[Destination], read: Callable[[Destination], Awaitable[Reading]]
) -> list[Reading]:
    """Return the readings in the order of the destinations, read PODS_AT_ONCE at a time."""
    turns = asyncio.Semaphore(PODS_AT_ONCE)

    async def one(to: Destination) -> Reading:
        async with turns:
            return await read(to)

    return await asyncio.gather(*map(one, destinations))


def reading_of(result: CheckResult, where: str) -> Reading:
    """Return the Reading of one check."""
    reason, message = result.status, f"{result.status} from {where}"
    if result.status.isdigit():
        reason = "UnexpectedStatus"
    elif result.status == NO_MATCH:
        message = f"the body of the response of {where} does not contain the text of bodyContains"
    elif result.why:
        message = f"{result.why}: {where}"
    elif result.status == OPEN:
        message = f"{where} accepts connections"
    return Reading(result.ok, reason=HEALTHY if result.ok else reason, message=message, latency=result.latency)


def worst(service: Ref, pods: Sequence[Destination], readings: Sequence[Reading]) -> Reading:
    """Combine the readings of all pods: bad if one is bad, else unknown if one is unknown. Name the first of these."""
    found = list(zip(pods, readings, strict=True))
    bad = [one for one in found if one[1].ok is False]
    latency, total = max(one.latency for one in readings), f"{len(found)} ready pods"
    for those, how in ((bad, "are not healthy"), ([one for one in found if one[1].ok is None], "cannot be checked")):
        if those:
            pod, first = those[0]
            message = f"{first.message}; {len(those)} of {total} {how}"
            return replace(first, message=message, series=str(pod.ref), latency=latency)
    return Reading(True, reason=HEALTHY, message=f"{len(found)} of {total} of {service} are healthy", latency=latency)


def _path(check: Check) -> str:
    """Return the path for a status, without the query, which may hold a credential."""
    return check.path.partition("?")[0][:LONGEST_PATH] if isinstance(check, AskHttp) else ""


def _secret_keys(check: Check) -> Iterator[SecretKeyRef]:
    if isinstance(check, AskHttp):
        yield from (value for _, value in check.headers if isinstance(value, SecretKeyRef))
    if not isinstance(check, AskTcp) and check.tls and check.tls.ca:
        yield check.tls.ca
