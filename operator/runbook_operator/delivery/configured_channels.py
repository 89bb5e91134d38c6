"""The channels that an administrator has configured.

All files are read again every few seconds, since Kubernetes renews mounted files in place. An error in one channel is
reported and affects no other. A channel that was valid before keeps its old configuration.
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
"""The key in `problems` for an error in the file itself."""
NONE = "no channel is configured for this namespace: set channels.entries in the chart, or RUNBOOK_CHANNELS without it"


class Channels(Mapping[str, Channel]):
    """The channels by name. An unusable channel is missing, and `why_not` gives the reason."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._files = Files()
        self._channels: dict[str, Channel] = {}
        self.problems: Mapping[str, str] = {}
        """By channel, a sentence about its error, whether the old configuration is in use or there is none."""

    @classmethod
    async def open(cls, path: str) -> Self:
        """Return the channels of the file at this path, none if it is "". Errors are logged, not raised."""
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
        """Return the channel for the Runbooks of this namespace; None if there is none, or they may not use it."""
        channel = self._channels.get(name)
        return channel if channel and channel.serves(namespace) else None

    def why_not(self, name: str, namespace: str) -> str:
        """Return why `of` gives None, as a sentence for the author of the Runbook."""
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
        """Apply the current files."""
        # In a thread, since a volume may hang.
        found = await asyncio.to_thread(self._read)
        if found is not None:
            self._take(found)

    def _read(self) -> Found | None:
        """Read the files; None if nothing has changed. If the main file is invalid, the old channels remain."""
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
