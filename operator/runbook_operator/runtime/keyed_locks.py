"""Locks by key: switches that share a target are visited one after the other."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

Key = TypeVar("Key", bound=Any)


class Locks(Generic[Key]):
    """One lock per key; it exists while a task holds or awaits it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, keys: Iterable[Key]) -> AsyncIterator[None]:
        """Hold the locks of all `keys`. They are taken in sorted order, so that no two holders deadlock."""
        async with AsyncExitStack() as held:
            for key in sorted(set(keys)):
                lock = self._locks.setdefault(key, asyncio.Lock())
                await held.enter_async_context(lock)
            yield
