"""What a process uses, as Linux says it."""

import asyncio
import os
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """Seconds of a processor that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid: int) -> float:
    """Megabytes that are resident."""
    return _kibibytes(Path(f"/proc/{pid}/status"), "VmRSS") / 1024


def peak(pid: int) -> float:
    """Megabytes that were resident at most."""
    return _kibibytes(Path(f"/proc/{pid}/status"), "VmHWM") / 1024


def proportional(pid: int) -> float:
    """Megabytes, of which those that are shared with other processes count for its part only."""
    return _kibibytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss") / 1024


async def quiet(pid: int, longest: float) -> None:
    """Return when the process works no less than a moment before, or hardly at all; it has done what it had to do."""
    share, ends = float("inf"), time.monotonic() + longest
    while time.monotonic() < ends:
        used = cpu(pid)
        await asyncio.sleep(1)
        before, share = share, cpu(pid) - used
        if max(share, before) < 0.05 or 0.9 * before < share < 1.1 * before < 0.5:  # noqa: PLR2004 # see above
            return


def _kibibytes(path: Path, name: str) -> int:
    line = next(one for one in path.read_text().splitlines() if one.startswith(f"{name}:"))
    return int(line.split()[1])
