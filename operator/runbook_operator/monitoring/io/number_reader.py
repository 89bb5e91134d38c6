"""Read numbers from sources other than Prometheus: from HTTP answers, objects and pods.

The reader passes the data to the class of the source. It keeps only the number and the memory of that class.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from runbook_operator.api.rbac_generation import AGGREGATE, PREFIX
from runbook_operator.core.accounts import Account
from runbook_operator.core.check_not_performed import CheckNotPerformedError
from runbook_operator.core.label_selectors import selector
from runbook_operator.core.monitors import AskHttp, AskNumber, AskObject, AskPods, Key, Reading
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.queries import Denied, Find
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.rollout_progress import DAEMON_SET, kind_of, rolling_out
from runbook_operator.core.samples import first_line
from runbook_operator.egress.http_client import Matcher
from runbook_operator.kube import errors
from runbook_operator.kube.discovery import Paths
from runbook_operator.kube.list_cache import Lists
from runbook_operator.kube.object_reads import read_target
from runbook_operator.kube.owned_pods import Owned
from runbook_operator.reconcile.acting_identity import UNNAMED
from runbook_operator.runtime import clock
from runbook_operator.runtime.background_budget import BackgroundBudget
from runbook_operator.sources import REGISTRY
from runbook_operator.sources.source_base import Found, NoNumberError, Number

Fetch = Callable[[AskHttp, Matcher], Awaitable[Reading]]
"""Perform the request as a check; pass a healthy answer to the matcher. Raises CheckNotPerformedError."""
AT_ONCE = 8
"""Concurrent reads."""
SAME = 1.0
"""Seconds for which metrics of one target share one list of its pods."""
CACHED_SECONDS = 86_400.0
"""Seconds after which the memory of a source is dropped, since it is of no use then."""


@dataclass
class Numbers:
    """The number reader. Create it inside the event loop."""

    paths: Paths
    now: Callable[[], datetime] = clock.now
    monotonic: Callable[[], float] = clock.monotonic
    requires_account: bool = False
    """True if nothing is read for a Runbook that names no service account."""
    _memories: dict[Key, tuple[float, Any]] = field(default_factory=dict)
    """By entry, the memory of its source and when that was made; the oldest first."""
    budget: BackgroundBudget = field(default_factory=BackgroundBudget)

    def __post_init__(self) -> None:
        self._owned = Owned()
        self._slots = self.budget.share(AT_ONCE)
        self._lists = Lists(self.paths, seconds=SAME, monotonic=self.monotonic)

    async def read(self, key: Key, ask: AskNumber, fetch: Fetch) -> Reading:
        """Return the number, or why there is none. An error of the target or of the API server never raises."""
        began = self.monotonic()
        try:
            if isinstance(ask.request, AskHttp):
                return await self._fetched(key, ask, ask.request, fetch)
            found = self._number(key, ask, await self._read(ask.source, ask.request))
        except (CheckNotPerformedError, NoNumberError) as error:
            return Reading(reason=error.reason, message=str(error), latency=self.monotonic() - began)
        return _measured(found, self.monotonic() - began)

    async def _fetched(self, key: Key, ask: AskNumber, request: AskHttp, fetch: Fetch) -> Reading:
        """Read a number from an HTTP answer; if it fails the check, return the check's reason instead."""
        found: list[Number | NoNumberError] = []

        def match(body: bytes) -> bool:
            try:
                found.append(self._number(key, ask, body))
            except NoNumberError as error:
                found.append(error)
            return True

        told = await fetch(request, match)
        if not told.ok or not found:
            return Reading(reason=told.reason, message=told.message, latency=told.latency)
        if isinstance(found[0], NoNumberError):
            return Reading(reason=found[0].reason, message=f"{found[0]}; {told.message}", latency=told.latency)
        return _measured(found[0], told.latency)

    def _number(self, key: Key, ask: AskNumber, what: Any) -> Number:
        _, before = self._memories.get(key, (0.0, None))
        number = REGISTRY[ask.source].number(ask.spec, Found(what, self.now(), ask.worst, before))
        if number.memory is not None:
            self._remember(key, number.memory)
        return number

    def _remember(self, key: Key, memory: Any) -> None:
        now = self.monotonic()
        self._memories.pop(key, None)
        self._memories[key] = (now, memory)
        while next(iter(self._memories.values()))[0] <= now - CACHED_SECONDS:
            del self._memories[next(iter(self._memories))]

    async def _read(self, source: str, request: AskObject | AskPods) -> Any:
        """Return an ObservedObject, or the bodies of pods."""
        account = request.account
        if self.requires_account and account is None:
            raise CheckNotPerformedError(Reason.NO_ACCOUNT, UNNAMED)
        try:
            async with self._slots:
                if isinstance(request, AskObject):
                    return await self._observed(request.ref, account)
                return await self._pods(request.of, account)
        except errors.ApiError as error:
            hint = _role(source) if isinstance(error, errors.ForbiddenError) and account is None else ""
            raise CheckNotPerformedError(
                error.reason, " ".join(filter(None, (f"{error}.", error.user_action, hint)))
            ) from error

    async def _observed(self, ref: Ref, account: Account | None) -> ObservedObject:
        found = await read_target(self.paths.as_(account), ref)
        if isinstance(found, Missing):
            raise CheckNotPerformedError(found.reason, found.message)
        return found

    async def _pods(self, of: Ref, account: Account | None) -> tuple[Mapping[str, Any], ...]:
        """Return the pods that a workload owns, or that a Service selects by their labels."""
        observed = await self._observed(of, account)
        chosen = selector(observed.body)
        if not chosen:
            raise CheckNotPerformedError("NoSelector", f"{of} selects no pods by label")
        pods = await self._lists.answer(Find("v1", "Pod", of.namespace, chosen), (), account)
        if isinstance(pods, Denied):
            raise CheckNotPerformedError(pods.reason, pods.message if account else f"{pods.message} {_role('pods')}")
        found = await self._owned.of(observed, pods, lambda query: self._lists.answer(query, (), account))
        if not found and _wants_pods(observed):
            raise CheckNotPerformedError("NoPods", f"{of} has no pods to measure")
        return found


def _wants_pods(observed: ObservedObject) -> bool:
    """True if pods should exist: a workload at 0 has none on purpose, so no pod is waiting."""
    if kind_of(observed) == DAEMON_SET:
        return rolling_out(observed).desired > 0
    return observed.ref.kind == "Service" or observed.replicas > 0


def _measured(number: Number, latency: float) -> Reading:
    return Reading(value=number.value, series=first_line(number.series), latency=latency)


def _role(source: str) -> str:
    """Name the ClusterRole that grants the missing right."""
    if REGISTRY[source].rights:
        return f"The ClusterRole {PREFIX}-source-{source} has it."
    return f"A ClusterRole of your own with the label {AGGREGATE} can have it."
