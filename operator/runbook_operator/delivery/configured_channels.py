"""The channels that an administrator has configured.

All files are read again every few seconds, since Kubernetes renews mounted files in place. An error in one channel is
reported and does not affect the others. If that channel was valid before, it keeps its old configuration.
"""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import structlog

from runbook_operator.delivery import channel_config
from runbook_operator.delivery.channel_config import Channel, Found
from runbook_operator.runtime.watched_files import FileError, Files

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
EVERY = 5.0
"""Seconds between two checks of the files; a kubelet takes up to a minute to renew them."""
FILE = ""
"""The key in `problems` for an error in the channels file itself."""
NONE = "no channel is configured for this namespace: set channels.entries in the chart, or RUNBOOK_CHANNELS without it"


class Channels(Mapping[str, Channel]):
    """The usable channels by name; `why_not` gives the reason for one that is not usable."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._files = Files()
        self._channels: dict[str, Channel] = {}
        self.problems: Mapping[str, str] = {}
        """By channel, a sentence about its error; also for a channel whose old configuration is in use."""

    @classmethod
    async def open(cls, path: str) -> Self:
        """Return the channels of the file at this path; no channels if the path is "". Errors are only logged."""
        made = cls(Path(path) if path else None)
        await made.refresh()
        return made

    def __getitem__(self, name: str) -> Channel:
        return self._channels[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._channels)

    def __len__(self) -> int:
        return len(self._channels)

    def of(self, name: str, namespace: str) -> Channel | None:
        """Return the channel; None if it is not usable, or the Runbooks of this namespace may not use it."""
        channel = self._channels.get(name)
        return channel if channel and channel.serves(namespace) else None

    def why_not(self, name: str, namespace: str) -> str:
        """Return the reason why `of` returns None, as a sentence for the author of the Runbook."""
        if name not in self._channels:
            for entry, where in ((name, f"entry for channel {name}"), (FILE, "file of channels")):
                if entry in self.problems:
                    return f"the administrator's {where} is not right: {self.problems[entry]}"
        named = ", ".join(sorted(one.name for one in self._channels.values() if one.serves(namespace)))
        return f"no channel {name} is declared for this namespace; there is: {named}" if named else NONE

    async def run(self) -> None:
        """Refresh every EVERY seconds, forever."""
        while True:
            await asyncio.sleep(EVERY)
            await self.refresh()

    async def refresh(self) -> None:
        """Read the files, and apply them if they have changed."""
        # In a thread, since a volume may hang.
        found = await asyncio.to_thread(self._read)
        if found is not None:
            self._take(found)

    def _read(self) -> Found | None:
        """Read the files; return None if they are unchanged, and the old channels if the channels file is invalid."""
        if self._path is None or not self._files.changed():
            return None
        try:
            return channel_config.read(self._path, self._files)
        except FileError as error:
            return Found(self._channels, {FILE: str(error)})

    def _take(self, found: Found) -> None:
        kept = {name: one for name, one in self._channels.items() if name in found.problems}
        self._channels = {**kept, **found.channels}
        self.problems = found.problems
        for name, problem in found.problems.items():
            log.error("channel", file=str(self._path), channel=name, problem=problem, as_before=name in self._channels)
        for name, problem in channel_config.missing_fallbacks(self._channels):
            log.warning("channel", file=str(self._path), channel=name, problem=problem)
        log.info("channels", names=sorted(self._channels))
