"""Operators as processes that are forked from one which has imported everything: a start takes 50 ms and not 1.8 s.

Left out against `python -m runbook_operator`: the interpreter's start, the imports and the command line. Tests of those
start the operator as its users do. Everything after that, signals and kill -9 included, is the real thing.
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any


class Forked:
    """A forked operator with the part of Popen's interface that the harness uses."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._ended = threading.Event()
        self._status = 0

    def end(self, status: int) -> None:
        self._status = status
        self._ended.set()

    def poll(self) -> int | None:
        return self._status if self._ended.is_set() else None

    def wait(self, timeout: float) -> int:
        assert self._ended.wait(timeout), f"operator {self.pid} did not end within {timeout:.0f} s"
        return self._status

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)


class Zygote:
    """The process that forks; it ends when the tests' process does."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.e2e.zygote"]
        root = Path(__file__).resolve().parents[2]
        environment = os.environ | {"PYTHONPATH": f"{root / 'operator'}{os.pathsep}{root}"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=root
        )
        self._lock = threading.Lock()
        self._started = threading.Event()
        self._forked: dict[int, Forked] = {}
        self._last: Forked | None = None
        threading.Thread(target=self._listen, daemon=True).start()

    def start(self, environment: dict[str, str], log: Path) -> Forked:
        with self._lock:
            self._started.clear()
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps({"environment": environment, "log": str(log)}) + "\n")
            self._process.stdin.flush()
            assert self._started.wait(timeout=180), "the zygote did not fork"
            assert self._last is not None
            return self._last

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            if "started" in told:
                self._last = self._forked[told["started"]] = Forked(told["started"])
                self._started.set()
            else:
                self._forked.pop(told["ended"]).end(told["status"])


@cache
def zygote() -> Zygote:
    """One for this process of tests."""
    return Zygote()


_children: set[int] = set()


def main() -> None:
    """Fork an operator for each line that is read, and tell when each ends."""
    import_module("runbook_operator.cli.run")
    signal.signal(signal.SIGCHLD, lambda _number, _frame: _reap())
    for line in sys.stdin:
        request = json.loads(line)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if pid == 0:
            _be_an_operator(request)
        _children.add(pid)
        _tell(started=pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    # The tests are over, or were ended: nobody else would end what one of them has left running.
    for pid in _children.copy():
        os.kill(pid, signal.SIGKILL)


def _be_an_operator(request: dict[str, Any]) -> None:
    from runbook_operator.cli import run as root  # noqa: PLC0415 # imported before the fork
    from runbook_operator.settings import Settings  # noqa: PLC0415 # as above

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(request["environment"])
    random.seed()
    for client in ("kubernetes.config.kube_config", "kubernetes.aio.config.kube_config"):
        # Both read the variable when they are imported, which was before the fork.
        sys.modules[client].KUBE_CONFIG_DEFAULT_LOCATION = os.environ["KUBECONFIG"]  # type: ignore[attr-defined] # there
    status = 1
    try:
        asyncio.run(root.run(Settings()))
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _children.discard(pid)
        _tell(ended=pid, status=os.waitstatus_to_exitcode(status))


def _tell(**what: int) -> None:
    os.write(1, (json.dumps(what) + "\n").encode())


if __name__ == "__main__":
    main()
