"""Prepare and finish an uninstall, so that nothing is left that only a running operator could clean up.

Before it, while the operator runs: restore everything that switches hold (release), or refuse while they hold something
(refuse). After it, when no operator runs: remove our finalizers (forget), so that all namespaces and objects can be
deleted.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from runbook_operator.api.registered_kinds import RESOURCE_KINDS
from runbook_operator.api.resource_kind import ResourceKind, Uninstall, is_deleted, is_marked, named
from runbook_operator.api.switch import FINALIZER
from runbook_operator.cli import run as main
from runbook_operator.core.references import API_VERSION, meta_of
from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube, connect
from runbook_operator.kube.discovery import collection, own
from runbook_operator.runtime import clock
from runbook_operator.settings import Settings

Body = dict[str, Any]
Mode = Literal["release", "refuse", "forget"]
STOPPED = "the uninstall was stopped by a signal before every switch was released and restored; run it again"
PAUSE = 0.5
"""Seconds between two tries."""
FORBIDDEN = "; if the namespace is being deleted, remove it from scope.namespaces by `helm upgrade`, and run this again"


async def run(settings: Settings, way: Mode, seconds: float) -> list[str]:
    """Carry out the mode `way` within `seconds`; return a sentence per object that is left, empty if all is done."""
    if way == "release":
        return await _release(settings, seconds)
    kube = await connect(settings.request_timeout)
    try:
        if way == "forget":
            return await forget(kube, settings.namespaces, seconds)
        return await refuse(kube, settings.namespaces, seconds)
    finally:
        await kube.close()


async def release_all(kube: Kube, namespaces: Sequence[str], seconds: float) -> list[str]:
    """Make every object release what it holds, a Switch by engaged: false, and wait until an operator has restored it.

    Returns a sentence per object that is left after `seconds`.
    """

    async def inspect() -> list[str]:
        objects, held = _Objects(kube, namespaces), list[str]()
        for kind, uninstall in _holding():
            for body in await objects.of(kind):
                if (change := uninstall.release(body)) is not None:
                    await objects.merge(body, {"spec": change})
                held.extend([uninstall.describe(body)] if is_marked(body) else [])
        return [*objects.failures, *held]

    return await _until_nothing(inspect, seconds)


async def refuse(kube: Kube, namespaces: Sequence[str], seconds: float) -> list[str]:
    """Return a sentence per object that holds something.

    The deletion of an object, alone or with its namespace, releases it: wait up to `seconds` for those.
    """
    staying: list[str] = []

    async def inspect() -> list[str]:
        objects = _Objects(kube, namespaces)
        found = [(one, body) for kind, one in _holding() for body in await objects.of(kind) if is_marked(body)]
        staying.extend(one.describe(body) for one, body in found if not is_deleted(body))
        return [] if staying else [*objects.failures, *(one.describe(body) for one, body in found)]

    return await _until_nothing(inspect, seconds) or staying


async def forget(kube: Kube, namespaces: Sequence[str], seconds: float) -> list[str]:
    """Remove our finalizer from every object of a registered kind; held values and records stay as they are.

    Returns a sentence per object that is left after `seconds`.
    """

    async def inspect() -> list[str]:
        objects = _Objects(kube, namespaces)
        marked = [body for kind in RESOURCE_KINDS.values() for body in await objects.of(kind) if is_marked(body)]
        for body in marked:
            rest = [one for one in body["metadata"]["finalizers"] if one != FINALIZER]
            await objects.merge(body, {"metadata": {"finalizers": rest}})
        return [*objects.failures, *(f"{named(body)} has the finalizer {FINALIZER}" for body in marked)]

    return await _until_nothing(inspect, seconds)


async def _until_nothing(inspect: Callable[[], Awaitable[list[str]]], seconds: float) -> list[str]:
    """Repeat until nothing is left or `seconds` have passed; return what was left at last."""
    deadline = clock.monotonic() + seconds
    while True:
        left = await inspect()
        if not left or clock.monotonic() > deadline:
            return left
        await asyncio.sleep(PAUSE)


async def _release(settings: Settings, seconds: float) -> list[str]:
    """Release all with an operator in this process: it leads if no other replica does, else the leader restores."""
    left: list[str] = []
    kube = await connect(settings.request_timeout)

    async def until_released() -> None:
        work = asyncio.ensure_future(release_all(kube, settings.namespaces, seconds))
        ended = asyncio.ensure_future(main.signalled())
        await asyncio.wait((work, ended), return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        left.extend(work.result() if work.done() else [STOPPED])
        work.cancel()

    try:
        await main.run(settings, until_released)
    finally:
        await kube.close()
    return left


def report(left: list[str], way: Mode) -> int:
    """Print what is left; return the exit status: 0 if nothing is, else 1."""
    for line in left:
        print(line, file=sys.stderr)  # noqa: T201 # the command line prints
    if not left:
        print(f"{way}: done")  # noqa: T201 # the command line prints
    return 1 if left else 0


def _holding() -> list[tuple[ResourceKind, Uninstall]]:
    """Return the registered kinds whose objects hold something that an uninstall must release."""
    return [(kind, kind.uninstall) for kind in RESOURCE_KINDS.values() if kind.uninstall is not None]


@dataclass
class _Objects:
    """The objects of all namespaces; a failure in one of them delays no other one."""

    kube: Kube
    namespaces: Sequence[str]
    failures: list[str] = field(default_factory=list)
    """A sentence per namespace that could not be listed, and per object that could not be patched."""

    async def of(self, kind: ResourceKind) -> list[Body]:
        """List the objects of the kind; one that is not served, because its CRD was deleted, has none."""
        lists = [await self._list(kind, namespace) for namespace in self.namespaces or ("",)]
        return [body for found in lists for body in found]

    async def _list(self, kind: ResourceKind, namespace: str) -> list[Body]:
        try:
            return [body async for body in self.kube.items(collection(API_VERSION, kind.plural, namespace))]
        except errors.NotFoundError:
            return []
        except errors.ApiError as error:
            advice = FORBIDDEN if namespace and isinstance(error, errors.ForbiddenError) else ""
            self.failures.append(f"{error}{advice}")
            return []

    async def merge(self, body: Body, patch: Mapping[str, Any]) -> None:
        """Patch exactly the version that was read. On a conflict do nothing: the next try reads the new version."""
        meta = meta_of(body)
        metadata = {"resourceVersion": meta.resource_version} | patch.get("metadata", {})
        try:
            with suppress(errors.ConflictError, errors.NotFoundError):
                await self.kube.merge(own(meta.ref), {**patch, "metadata": metadata})
        except errors.ApiError as error:
            self.failures.append(f"{named(body)}: {error}")
