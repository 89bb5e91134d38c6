"""The connections of channels: only to addresses that the guard allows; each name is resolved once and then pinned."""

from collections.abc import Collection, Sequence

from runbook_operator.core import ip_policy, url_policy
from runbook_operator.core.ip_policy import IPAddress, IPNetwork
from runbook_operator.egress.egress_guard import RESOLVING_PART, EgressError, Fault, Guard, Resolver, SystemResolver
from runbook_operator.egress.http_client import Limits, Outbound

LIMITS = Limits(total=32, each=4)
FINAL = frozenset({Fault.NOT_ALLOWED, Fault.MALFORMED, Fault.REFUSED})
"""Faults that another attempt a minute later would have again."""


class ChannelGuard(Guard):
    """Allow any URL, since the administrator configured it, and private addresses, for receivers in the cluster.

    Loopback, link-local, metadata and the API server's own addresses are refused, as for all other requests.
    """

    def url(self, text: str) -> url_policy.Url:
        try:
            return url_policy.parse(text)
        except url_policy.UrlError as error:
            raise EgressError(Fault.MALFORMED, str(error)) from error

    async def addresses(self, host: str, seconds: float) -> tuple[IPAddress, ...]:
        literal = ip_policy.parse(host)
        found = (literal,) if literal else await self._resolved(host, seconds * RESOLVING_PART)
        for one in found:
            if why := ip_policy.refusal_in_cluster(one, allowed=self.allowed, forbidden=self.forbidden):
                raise EgressError(Fault.REFUSED, why)
        return found


class ChannelOutbound(Outbound):
    """The HTTP client of channels. It has its own limits, so that slow channels do not delay checks."""

    def __init__(
        self,
        allowed_networks: Sequence[IPNetwork] = (),
        forbidden: Collection[IPAddress] = (),
        *,
        resolver: Resolver | None = None,
    ) -> None:
        super().__init__(limits=LIMITS)
        self.guard = ChannelGuard((), allowed_networks, forbidden, resolver or SystemResolver())
