"""Prepare and finish an uninstall, so that nothing is left that only a running operator could clean up.

Before it, while the operator runs: restore everything that switches hold (release), or refuse while they hold something
(refuse). After it, when no operator runs: remove our finalizers (forget), so that all namespaces and Runbooks can be
deleted.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Literal

from runbook_operator.api.switch import FINALIZER
from runbook_operator.cli import run as main
from runbook_operator.core.references import API_VERSION, meta_of
from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube, connect
from runbook_operator.kube.discovery import BUILT_IN, collection, own
from runbook_operator.runtime import clock
from runbook_operator.settings import Settings

Body = dict[str, Any]
Mode = Literal["release", "refuse", "forget"]
PAUSE = 0.5
"""Seconds between two tries."""
SILENCE = {"engaged": False, "expiresAfter": "10m", "reason": "the operator is being uninstalled"}
"""An override that silences automation for the duration of an uninstall, but not for a later installation."""
RELEASED = '{"spec":{"engaged":false}}'


async def run(settings: Settings, way: Mode, seconds: float) -> list[str]:
    """Do it within `seconds`; return a sentence per object that is left, empty if all is done."""
    if way == "release":
        return await _release(settings, seconds)
    kube = await connect(settings.request_timeout)
    try:
        if way == "forget":
            return await forget(kube, settings.namespaces, seconds)
        return [_held(body) async for body in _switches(kube, settings.namespaces) if _is_marked(body)]
    finally:
        await kube.close()


async def release_all(kube: Kube, namespaces: Sequence[str], seconds: float) -> list[str]:
    """Set engaged: false on every engaged Switch and wait until an operator has restored everything.

    Returns a sentence per Switch that is left after `seconds`.
    """

    async def inspect() -> list[str]:
        engaged = [one async for one in _switches(kube, namespaces) if _is_marked(one) or _is_thrown(one)]
        for body in filter(_needs_override, engaged):
            await _merge(kube, body, {"spec": SILENCE})
        return [_held(body) for body in engaged if _is_marked(body)]

    return await _until_nothing(inspect, seconds)


async def forget(kube: Kube, namespaces: Sequence[str], seconds: float) -> list[str]:
    """Remove our finalizer from every Switch and Runbook; held values and records stay as they are.

    Returns a sentence per object that is left after `seconds`.
    """

    async def inspect() -> list[str]:
        marked = [one async for one in _objects(kube, namespaces, "Runbook", "Switch") if _is_marked(one)]
        for body in marked:
            rest = [one for one in body["metadata"]["finalizers"] if one != FINALIZER]
            await _merge(kube, body, {"metadata": {"finalizers": rest}})
        return [f"{_named(body)} has the finalizer {FINALIZER}" for body in marked]

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


async def _objects(kube: Kube, namespaces: Sequence[str], *kinds: str) -> AsyncIterator[Body]:
    for kind in kinds:
        for namespace in namespaces or ("",):
            path = collection(API_VERSION, BUILT_IN[(API_VERSION, kind)].plural, namespace)
            try:
                async for body in kube.items(path):
                    yield body
            except errors.NotFoundError:
                # The CRD was deleted with the chart, and all its objects with it.
                return


def _switches(kube: Kube, namespaces: Sequence[str]) -> AsyncIterator[Body]:
    return _objects(kube, namespaces, "Switch")


def _is_marked(body: Body) -> bool:
    return FINALIZER in body["metadata"].get("finalizers", ())


def _is_thrown(body: Body) -> bool:
    return body["spec"].get("engaged") is True


def _needs_override(body: Body) -> bool:
    """True if the override must be written. A Switch that is being deleted needs none: its deletion releases it."""
    return body["spec"].get("engaged") is not False and "deletionTimestamp" not in body["metadata"]


async def _merge(kube: Kube, body: Body, patch: Body) -> None:
    """Patch exactly the version that was read. On a conflict do nothing: the next try reads the new version."""
    meta = meta_of(body)
    metadata = {"resourceVersion": meta.resource_version} | patch.get("metadata", {})
    with suppress(errors.ConflictError, errors.NotFoundError):
        await kube.merge(own(meta.ref), patch | {"metadata": metadata})


def _named(body: Body) -> str:
    return f"{body['kind']} {body['metadata']['namespace']}/{body['metadata']['name']}"


def _held(body: Body) -> str:
    """Describe a held Switch: name, since when, why it is not released, and the command that releases it."""
    status, meta = body.get("status", {}), body["metadata"]
    ready: Body = next((one for one in status.get("conditions", ()) if one["type"] == "Ready"), {})
    why = f", {ready.get('reason', '')}: {ready.get('message', '')}" if ready.get("status") == "False" else ""
    since = f"{status.get('phase', 'thrown')} since {status.get('engagedAt', 'just now')}{why}"
    released = f"kubectl -n {meta['namespace']} patch switch {meta['name']} --type merge -p '{RELEASED}'"
    return f"{_named(body)} is {since}; {released}"
