"""Entries by name from a file of the administrator, such as channels and metric sources.

All files are read again every few seconds, since Kubernetes renews mounted files in place. An error in one entry is
reported and does not affect the others. If that entry was valid before, it keeps its old configuration.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from runbook_operator.runtime.watched_files import FileError, Files

EVERY = 5.0
"""Seconds between two checks of the files; a kubelet takes up to a minute to renew them."""
FILE = ""
"""The key in `problems` for an error in the file itself."""
Entry = TypeVar("Entry")
Found = TypeVar("Found")


class WatchedEntries(Mapping[str, Entry], Generic[Entry, Found]):
    """The usable entries by name; `why_not` gives the reason for one that is not usable."""

    noun: ClassVar[str]
    """The word for one entry in messages."""
    none: ClassVar[str]
    """A sentence that tells the administrator how to configure the first entry."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.entries: dict[str, Entry] = {}
        self.problems: Mapping[str, str] = {}
        """By entry, a sentence about its error; also for an entry whose old configuration is in use."""
        self._files = Files()

    def __getitem__(self, name: str) -> Entry:
        return self.entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    @abstractmethod
    def serves(self, name: str, namespace: str) -> bool:
        """Return True if the entry is usable and the Runbooks of this namespace may use it."""

    @abstractmethod
    def parse(self, path: Path, files: Files) -> Found:
        """Read the entries of the file; raise FileError if the file is not valid."""

    @abstractmethod
    def unread(self, problem: str) -> Found:
        """Return the old entries, with this problem of the file itself."""

    @abstractmethod
    def take(self, found: Found) -> None:
        """Apply what was read."""

    def of(self, name: str, namespace: str) -> Entry | None:
        """Return the entry; None if it is not usable, or the Runbooks of this namespace may not use it."""
        return self.entries[name] if self.serves(name, namespace) else None

    def why_not(self, name: str, namespace: str) -> str:
        """Return the reason why `of` returns None, as a sentence for the author of the Runbook."""
        if name not in self.entries:
            for entry, where in ((name, f"entry for {self.noun} {name}"), (FILE, f"file of {self.noun}s")):
                if entry in self.problems:
                    return f"the administrator's {where} is not valid: {self.problems[entry]}"
        named = ", ".join(sorted(one for one in self.entries if self.serves(one, namespace)))
        return f"no {self.noun} {name} is declared for this namespace; it may use: {named}" if named else self.none

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
            self.take(found)

    def _read(self) -> Found | None:
        """Read the files; return None if they are unchanged, and the old entries if the main file is not valid."""
        if self.path is None or not self._files.changed():
            return None
        try:
            return self.parse(self.path, self._files)
        except FileError as error:
            return self.unread(str(error))
