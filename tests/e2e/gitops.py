"""Flux and Argo CD, by their own code, as those who contest what a switch holds; the program is lab/gitops."""

import http.client
import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import dropwhile, groupby
from operator import itemgetter
from pathlib import Path
from threading import Thread
from typing import Any

import yaml

from lab import build
from lab.layout import here
from tests.chart.helm import FULLNAME, render
from tests.e2e import api
from tests.e2e.harness import Body, eventually

# What ends a contest whose test was killed.
MOST_ROUNDS = 2000


@cache
def program() -> str:
    """The program's path. Compile it by `python3 -m lab gitops` before the tests: a test's time is short for that."""
    return str(build.compiled(here(), build.GITOPS))


def rounds(tool: str, *arguments: str, manifests: list[Body], namespace: str, name: str = "shop") -> list[Body]:
    """What `flux` or `argocd` did with the manifests, round by round; one round unless --rounds says more."""
    with _command(tool, *arguments, manifests=manifests, namespace=namespace, name=name) as command:
        done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    return _lines(done.stdout)


def asked(question: str, *arguments: str, manifests: list[Body]) -> list[Body]:
    """What a tool says of each object: `kstatus`, or Argo CD's Lua for `health`, `actions` and `action`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manifests.yaml"
        path.write_text(yaml.safe_dump_all(manifests))
        command = [program(), question, *arguments, "--file", str(path)]
        done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    return _lines(done.stdout)


def customizations(folder: Path) -> Path:
    """A file in the folder with the ConfigMap for Argo CD, as a release with the name of the chart makes it."""
    made = render(argocd={"enabled": True}).one("ConfigMap", f"{FULLNAME}-argocd")
    path = folder / "argocd.yaml"
    path.write_text(yaml.safe_dump(made | {"metadata": {"name": "runbook-operator-argocd"}}))
    return path


def objects(line: Body) -> dict[str, Body]:
    """What a round says of each object, by kind and name, such as Deployment/web."""
    return {one["object"]: one for one in line["objects"]}


class Contest:
    """A tool that goes on reconciling while a test does something else."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self._process = process
        self._output = output

    def rounds(self) -> list[Body]:
        """The rounds that are over."""
        return _lines(self._output.read_text())

    def until(self, more: int) -> list[Body]:
        """Wait until so many more rounds are over, and return those."""
        observed = len(self.rounds())
        eventually(f"{more} more rounds", lambda: self._alive() and len(self.rounds()) >= observed + more)
        return self.rounds()[observed:]

    def _alive(self) -> bool:
        assert self._process.poll() is None, f"the tool ended with status {self._process.returncode}"
        return True


@contextmanager
def contest(
    tool: str, *arguments: str, manifests: list[Body], namespace: str, name: str = "shop", every: str = "100ms"
) -> Iterator[Contest]:
    """Let the tool reconcile again and again until the block is left."""
    endless = ("--rounds", str(MOST_ROUNDS), "--every", every, *arguments)
    with _command(tool, *endless, manifests=manifests, namespace=namespace, name=name) as command:
        output = Path(command[-1]).with_suffix(".jsonl")
        with output.open("wb") as out, subprocess.Popen(command, stdout=out) as process:
            try:
                yield Contest(process, output)
            finally:
                process.terminate()
        assert process.returncode == 0, f"{tool} ended with status {process.returncode}"


class Watched:
    """A field of a live object, each time that the API server told of the object, with the time on this machine."""

    def __init__(self, kind: str, namespace: str, name: str, pointer: str) -> None:
        self.observed: list[tuple[float, Any]] = []
        self._pointer = pointer
        self._connection = http.client.HTTPConnection("127.0.0.1", api.proxy())
        self._connection.connect()
        # Kept apart: http.client drops its own reference to it once the answer is there.
        self._socket: socket.socket = self._connection.sock
        query = f"watch=1&fieldSelector=metadata.name={name}"
        self._connection.request("GET", f"{api.path(kind, namespace)}?{query}")
        self._answer = self._connection.getresponse()
        assert self._answer.status == http.HTTPStatus.OK, f"watching {kind} {name}: {self._answer.status}"
        self._reader = Thread(target=self._read)
        self._reader.start()

    def away(self, held: object) -> list[float]:
        """For how many seconds the field was something else, each time, since it first was `held`."""
        observed, now = list(self.observed), time.monotonic()
        ends = [at for at, _ in observed[1:]] + [now]
        spans = [(value == held, end - at) for (at, value), end in zip(observed, ends, strict=True)]
        since = dropwhile(lambda span: not span[0], spans)
        return [sum(length for _, length in group) for was_held, group in groupby(since, itemgetter(0)) if not was_held]

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._answer.close()
        self._connection.close()

    def _read(self) -> None:
        with suppress(OSError, http.client.HTTPException):
            while line := self._answer.readline():
                event = json.loads(line)
                self.observed.append((time.monotonic(), _at(event["object"], self._pointer)))


@contextmanager
def watched(kind: str, namespace: str, name: str = "web", pointer: str = "/spec/replicas") -> Iterator[Watched]:
    """Watch a field until the block is left: a look now and then would miss what is put back at once."""
    watching = Watched(kind, namespace, name, pointer)
    try:
        yield watching
    finally:
        watching.close()


@contextmanager
def _command(tool: str, *arguments: str, manifests: list[Body], namespace: str, name: str) -> Iterator[list[str]]:
    """The command line; its last argument is a file of the manifests in a folder that is removed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manifests.yaml"
        path.write_text(yaml.safe_dump_all(manifests))
        yield [program(), tool, *arguments, "--namespace", namespace, "--name", name, "--file", str(path)]


def _lines(text: str) -> list[Body]:
    """The lines that are complete; the last may be just being written."""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def _at(value: Any, pointer: str) -> Any:
    """What is at the JSON pointer, None where nothing is."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else (value or {}).get(key)
    return value
