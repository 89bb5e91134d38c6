"""The channels that an administrator has configured."""

from pathlib import Path
from typing import Self

import structlog

from runbook_operator.delivery import channel_config
from runbook_operator.delivery.channel_config import Channel, Found
from runbook_operator.runtime.watched_entries import FILE, WatchedEntries
from runbook_operator.runtime.watched_files import Files

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Channels(WatchedEntries[Channel, Found]):
    """The usable channels by name."""

    noun = "channel"
    none = (
        "no channel is configured for this namespace: set channels.entries in the chart, or RUNBOOK_CHANNELS without it"
    )

    @classmethod
    async def open(cls, path: str) -> Self:
        """Return the channels of the file at this path; no channels if the path is "". Errors are only logged."""
        made = cls(Path(path) if path else None)
        await made.refresh()
        return made

    def serves(self, name: str, namespace: str) -> bool:
        return name in self.entries and self.entries[name].serves(namespace)

    def parse(self, path: Path, files: Files) -> Found:
        return channel_config.read(path, files)

    def unread(self, problem: str) -> Found:
        return Found(self.entries, {FILE: problem})

    def take(self, found: Found) -> None:
        kept = {name: one for name, one in self.entries.items() if name in found.problems}
        self.entries = {**kept, **found.channels}
        self.problems = found.problems
        for name, problem in found.problems.items():
            log.error("channel", file=str(self.path), channel=name, problem=problem, as_before=name in self.entries)
        for name, problem in channel_config.missing_fallbacks(self.entries):
            log.warning("channel", file=str(self.path), channel=name, problem=problem)
        log.info("channels", names=sorted(self.entries))
