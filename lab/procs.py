"""Processes that the lab started: told apart from others by pid and start time, so that no stranger is ever stopped."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Process:
    """A process as it was started; `started` is field 22 of /proc/PID/stat, in clock ticks since boot."""

    name: str
    pid: int
    started: int

    @property
    def alive(self) -> bool:
        return start_time(self.pid) == self.started


class Processes:
    """The processes that are recorded in one state file, by name."""

    def __init__(self, state: Path, log: Path) -> None:
        self._state = state
        self._log = log
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def all(self) -> dict[str, Process]:
        recorded = self._read().get("processes", {})
        return {n: Process(n, int(str(one["pid"])), int(str(one["started"]))) for n, one in recorded.items()}

    def alive(self, name: str) -> Process | None:
        process = self.all().get(name)
        return process if process and process.alive else None

    def start(self, name: str, command: Sequence[str], pass_fds: Sequence[int] = ()) -> Process:
        """Start it in a session of its own, output in the log folder; the record is written at once."""
        self._log.mkdir(parents=True, exist_ok=True)
        with (self._log / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=tuple(pass_fds),
            )
        self._children[child.pid] = child
        process = Process(name, child.pid, start_time(child.pid) or 0)
        self._write(name, process)
        return process

    def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it and wait; what does not end in time is killed. A process that is not ours any more is left alone."""
        process = self.all().get(name)
        if process and process.alive:
            _signal(process, how)
            if not self._ended(process, STOP_SECONDS):
                _signal(process, signal.SIGKILL)
                self._ended(process, STOP_SECONDS)
        self._write(name, None)

    def tail(self, name: str, lines: int = 15) -> str:
        path = self._log / f"{name}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""

    def note(self, key: str, value: object) -> None:
        """Keep a fact beside the processes, such as the port that was chosen."""
        state = self._read() | {key: value}
        self._state.parent.mkdir(parents=True, exist_ok=True)
        self._state.write_text(json.dumps(state, indent=1))

    def noted(self, key: str) -> object:
        return self._read().get(key)

    def _ended(self, process: Process, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while process.alive:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        if (child := self._children.pop(process.pid, None)) is not None:
            child.wait()
        return True

    def _read(self) -> dict[str, dict[str, dict[str, object]]]:
        if not self._state.exists():
            return {}
        state: dict[str, dict[str, dict[str, object]]] = json.loads(self._state.read_text())
        return state

    def _write(self, name: str, process: Process | None) -> None:
        processes = {key: value for key, value in self._read().get("processes", {}).items() if key != name}
        if process:
            processes[name] = asdict(process)
        self.note("processes", processes)


def start_time(pid: int) -> int | None:
    """When the process started, in ticks since boot; None where there is none, or only its zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[19])


def _signal(process: Process, how: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, how)
