"""Prepare and finish an uninstall, so that nothing is left that only a running operator could clean up.

Before it, while the operator runs: restore everything that switches hold (release), or refuse while they hold something
(refuse). After it, when no operator runs: remove our finalizers (forget), so that all namespaces and objects can be
deleted.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

from runbook_operator.api.registered_kinds import RESOURCE_KINDS
from runbook_operator.api.resource_kind import ResourceKind, Uninstall, is_marked, named
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
PAUSE = 0.5
"""Seconds between two tries."""


async def run(settings: Settings, way: Mode, seconds: float) -> list[str]:
    """Do it within `seconds`; return a sentence per object that is left, empty if all is done."""
    if way == "release":
        return await _release(settings, seconds)
    kube = await connect(settings.request_timeout)
    try:
        if way == "forget":
            return await forget(kube, settings.namespaces, seconds)
        return await held(kube, settings.namespaces)
    finally:
        await kube.close()


async def release_all(kube: Kube, namespaces: Sequence[str], seconds: float) -> list[str]:
    """Make every object release what it holds, a Switch by engaged: false, and wait until an operator has restored it.

    Returns a sentence per object that is left after `seconds`.
    """

    async def inspect() -> list[str]:
        left: list[str] = []
        for kind, uninstall in _holding():
            async for body in _objects(kube, namespaces, kind):
                if (change := uninstall.release(body)) is not None:
                    await _merge(kube, body, {"spec": change})
                left.extend([uninstall.describe(body)] if is_marked(body) else [])
        return left

    return await _until_nothing(inspect, seconds)


async def held(kube: Kube, namespaces: Sequence[str]) -> list[str]:
    """Return a sentence per object that holds something."""
    objects = [(one, body) for kind, one in _holding() async for body in _objects(kube, namespaces, kind)]
    return [uninstall.describe(body) for uninstall, body in objects if is_marked(body)]


async def forget(kube: Kube, namespaces: Sequence[str], seconds: float) -> list[str]:
    """Remove our finalizer from every object of a registered kind; held values and records stay as they are.

    Returns a sentence per object that is left after `seconds`.
    """

    async def inspect() -> list[str]:
        every = [body for kind in RESOURCE_KINDS.values() async for body in _objects(kube, namespaces, kind)]
        marked = [*filter(is_marked, every)]
        for body in marked:
            rest = [one for one in body["metadata"]["finalizers"] if one != FINALIZER]
            await _merge(kube, body, {"metadata": {"finalizers": rest}})
        return [f"{named(body)} has the finalizer {FINALIZER}" for body in marked]

    return await _until_nothing(inspect, seconds)


async def _until_nothing(inspect: Callable[[], Awaitable[list[str]]], seconds: float) -> list[str]:
    """Repeat until nothing is left or `seconds` have passed; return what was left at last."""
    deadline = clock.monotonic() + seconds
    while True:
        try:
            left = await inspect()
        except errors.ApiError as error:
            left = [str(error)]
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
        left.extend(work.result() if work.done() else ["it was ended before everything was put back"])
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


async def _objects(kube: Kube, namespaces: Sequence[str], kind: ResourceKind) -> AsyncIterator[Body]:
    for namespace in namespaces or ("",):
        try:
            async for body in kube.items(collection(API_VERSION, kind.plural, namespace)):
                yield body
        except errors.NotFoundError:
            # The CRD was deleted with the chart, and all its objects with it.
            return


async def _merge(kube: Kube, body: Body, patch: Mapping[str, Any]) -> None:
    """Patch exactly the version that was read. On a conflict do nothing: the next try reads the new version."""
    meta = meta_of(body)
    metadata = {"resourceVersion": meta.resource_version} | patch.get("metadata", {})
    with suppress(errors.ConflictError, errors.NotFoundError):
        await kube.merge(own(meta.ref), {**patch, "metadata": metadata})
