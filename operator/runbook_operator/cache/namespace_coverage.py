"""Track which of the configured namespaces are served: those whose objects can be listed.

A namespace that does not exist, or in which a right is missing, does not delay the others. While a kind cannot be
listed, its objects never count as absent: each is read individually. While a registered kind was never listed, nothing
is decided in the namespace. Lists are retried with a back-off of up to LONGEST seconds.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from runbook_operator.api.registered_kinds import RESOURCE_KINDS
from runbook_operator.cache.object_table import Listed
from runbook_operator.cache.resync import compare, watched_kinds
from runbook_operator.cache.store import Store
from runbook_operator.core.references import Ref
from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from runbook_operator.kube.discovery import plural_of
from runbook_operator.runtime.work_queue import WorkQueue, backoff

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
Kind = tuple[str, str]
AT_ONCE = 8
"""Namespaces that are listed concurrently, so that one without an answer does not delay the others."""
LONGEST = 5.0
"""Maximum seconds between two tries of a failed list."""


@dataclass
class Coverage:
    """The lists of the namespaces, and the errors of those that failed.

    If `namespaces` is empty, there is one list of the whole cluster, under the empty name.
    """

    kube: Kube
    store: Store
    namespaces: Sequence[str]
    listing: Callable[[], Listed]
    """Return the callback for the objects of a list that begins now; see ReadVersions.listing."""
    wake: Callable[[Iterable[Ref]], None]
    failures: dict[str, dict[Kind, errors.ApiError]] = field(default_factory=dict)
    """By namespace, the kinds that could not be listed, and the error."""
    _listed: dict[str, set[Kind]] = field(default_factory=dict)
    """By namespace, the kinds that were listed at least once."""
    _reported: set[str] = field(default_factory=set)
    _suspects: set[str] = field(default_factory=set)
    _signal: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def every(self) -> tuple[str, ...]:
        """The namespaces, or the empty name for all of them."""
        return tuple(self.namespaces) or ("",)

    @property
    def begun(self) -> bool:
        """True if all registered kinds of at least one namespace were listed."""
        return any(map(self.knows, self.every))

    def knows(self, namespace: str) -> bool:
        """True if all registered kinds of the namespace were listed; otherwise nothing is decided there."""
        return self._listed.get(namespace if self.namespaces else "", set()) >= RESOURCE_KINDS.keys()

    def serves(self, namespace: str) -> bool:
        """True if all kinds in the namespace can be listed."""
        return namespace not in self.failures and self.knows(namespace)

    def warnings(self) -> list[str]:
        """Return a sentence for each namespace that is not served."""
        return [self._sentence(namespace) for namespace in sorted(self.failures)]

    async def list_all(self) -> frozenset[Ref]:
        """List all namespaces; return the objects to reconcile. Raises ApiError if no namespace could be listed."""
        found = await self._list(dict.fromkeys(self.every, watched_kinds()))
        if not self.begun:
            raise next(error for kinds in self.failures.values() for error in kinds.values())
        self._report()
        return found

    def limit(self, queue: WorkQueue[Ref]) -> None:
        """Make the queue skip namespaces that were not listed yet; the first list wakes their objects."""
        if self.namespaces:
            queue.limit(lambda key: self.knows(key.namespace))

    def suspect(self, namespace: str) -> None:
        """Schedule a list of a namespace in which a watch was refused."""
        if namespace in self.namespaces and namespace not in self.failures:
            self._suspects.add(namespace)
            self._signal.set()

    async def run(self) -> None:
        """List suspected and failed namespaces until the list succeeds; runs forever."""
        tries = 0
        while True:
            if not self.failures:
                tries = 0
                await self._signal.wait()
            self._signal.clear()
            due = dict.fromkeys(self._suspects, watched_kinds()) | {
                name: tuple(kinds) for name, kinds in self.failures.items()
            }
            self._suspects.clear()
            self.wake(await self._list(due))
            self._report()
            tries += 1
            await asyncio.sleep(min(LONGEST, backoff(tries)))

    async def _list(self, due: Mapping[str, tuple[Kind, ...]]) -> frozenset[Ref]:
        slots, listed = asyncio.Semaphore(AT_ONCE), self.listing()

        async def one(namespace: str, kinds: tuple[Kind, ...]) -> set[Ref]:
            async with slots:
                return await self._list_namespace(namespace, kinds, listed)

        return frozenset().union(*await asyncio.gather(*(one(name, kinds) for name, kinds in due.items())))

    async def _list_namespace(self, namespace: str, kinds: tuple[Kind, ...], listed: Listed) -> set[Ref]:
        before = self._state(namespace)
        wake: set[Ref] = set()
        for position, kind in enumerate(kinds):
            try:
                wake |= await compare(self.kube, self.store, kind, namespace, listed)
            except errors.ForbiddenError as error:
                self._fail(namespace, [kind], error)
            except errors.ApiError as error:
                self._late(namespace, kinds[position:], error)
                break
            else:
                self._succeed(namespace, kind)
        return wake if self._state(namespace) == before else wake | self._keys(namespace)

    def _late(self, namespace: str, kinds: Iterable[Kind], error: errors.ApiError) -> None:
        """Handle a list that failed for another reason than a missing right; the remaining kinds are skipped.

        Kinds that were listed before do not count as failed, since their watches go on.
        """
        fresh = [kind for kind in kinds if kind not in self._listed.get(namespace, ())]
        if fresh:
            self._fail(namespace, fresh, error)
        else:
            # The log of the watches names a CRD that is missing.
            tell = log.debug if isinstance(error, errors.NotFoundError) else log.warning
            tell("a list failed; it is tried again at the next resync", namespace=namespace, error=str(error))

    def _fail(self, namespace: str, kinds: Iterable[Kind], error: errors.ApiError) -> None:
        for kind in kinds:
            self.failures.setdefault(namespace, {})[kind] = error
            self.store.listings.failed.add((*kind, namespace))
        self._signal.set()

    def _succeed(self, namespace: str, kind: Kind) -> None:
        self._listed.setdefault(namespace, set()).add(kind)
        self.store.listings.failed.discard((*kind, namespace))
        here = self.failures.get(namespace, {})
        here.pop(kind, None)
        if not here:
            self.failures.pop(namespace, None)

    def _state(self, namespace: str) -> tuple[bool, frozenset[Kind]]:
        return self.knows(namespace), frozenset(self.failures.get(namespace, ()))

    def _keys(self, namespace: str) -> set[Ref]:
        return {*filter(lambda key: namespace in ("", key.namespace), self.store.keys())}

    def _report(self) -> None:
        """Log once when a namespace is no longer served, and once when it is again."""
        for namespace in sorted(self.failures.keys() - self._reported):
            (kind, error), *_ = self.failures[namespace].items()
            log.warning(self._sentence(namespace), error=str(error), hint=_hint(namespace, kind, error))
        for namespace in sorted(self._reported - self.failures.keys()):
            log.info("can list again; the operator serves it", namespace=namespace or "all")
        self._reported = {*self.failures}

    def _sentence(self, namespace: str) -> str:
        names = ", ".join(map(_resource, self.failures[namespace]))
        others = "the operator serves the other namespaces" if any(map(self.serves, self.every)) else "none is served"
        return f"cannot list {names} in {_named(namespace)}; {others}"


def _named(namespace: str) -> str:
    return f"namespace {namespace}" if namespace else "the cluster"


def _resource(kind: Kind) -> str:
    return f"{plural_of(kind)}.{kind[0].partition('/')[0]}"


def _hint(namespace: str, kind: Kind, error: errors.ApiError) -> str:
    if not isinstance(error, errors.ForbiddenError) or not namespace:
        return error.user_action
    return (
        f"If `kubectl get namespace {namespace}` shows Terminating, there is nothing to do: its RoleBindings are gone. "
        "If it finds none, create the namespace, or remove it from scope.namespaces. Then run `helm upgrade` with the "
        "values of the release: it grants the operator its rights there, and the operator serves the namespace within "
        f"seconds. Check: `kubectl auth can-i list {_resource(kind)} --namespace {namespace} --as ACCOUNT` prints yes"
    )
