"""An InfluxDB on the loopback whose numbers a test sets: the real program where `influxd` is installed, else a fake.

The fake speaks the wire format alone; tests/fakes/influxdb_source.py says what it leaves out. Debian's
package `influxdb` has the real one.
"""

import asyncio
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from runbook_operator.runtime import clock
from tests.e2e.harness import eventually
from tests.fakes import influxdb_source as influx
from tests.fakes.prometheus_source import serving

EVERY = 0.2
DATABASE = "shop"
CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:0"
meta.dir = "{folder}/meta"
data.dir = "{folder}/data"
data.wal-dir = "{folder}/wal"
http.bind-address = "127.0.0.1:{port}"
monitor.store-enabled = false
"""


class Influx(ABC):
    """It gets a point of each measurement in `values` every EVERY seconds, as from an agent."""

    def __init__(self, **values: float) -> None:
        self.values = dict(values)
        self.url = ""
        self._ended = Event()
        self._agent = Thread(target=self._write_for_ever, daemon=True)

    @abstractmethod
    def write(self, measurement: str, value: float) -> None:
        """Write a point of now."""

    def begin(self) -> None:
        self._agent.start()

    def end(self) -> None:
        self._ended.set()
        self._agent.join()

    def _write_for_ever(self) -> None:
        while not self._ended.wait(EVERY):
            for measurement, value in list(self.values.items()):
                self.write(measurement, value)


class Fake(Influx):
    def __init__(self, **values: float) -> None:
        super().__init__(**values)
        self.server = influx.InfluxDB(database=DATABASE)

    def write(self, measurement: str, value: float) -> None:
        self.server.points.setdefault(measurement, []).append((clock.now(), "web-1", value))


class Real(Influx):
    def write(self, measurement: str, value: float) -> None:
        self.post(f"/write?db={DATABASE}", f"{measurement},pod=web-1 value={value}".encode())

    def post(self, path: str, body: bytes = b"") -> None:
        request = urllib.request.Request(self.url + path, data=body)  # noqa: S310 # the test's own server
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310


@contextmanager
def influxdb(folder: Path, **values: float) -> Iterator[Influx]:
    """An InfluxDB with these measurements."""
    with _real(folder, **values) if shutil.which("influxd") else _fake(**values) as running:
        running.begin()
        try:
            yield running
        finally:
            running.end()


@contextmanager
def _fake(**values: float) -> Iterator[Influx]:
    made, loop, listens = Fake(**values), asyncio.new_event_loop(), Event()
    ended = asyncio.Event()

    async def serve() -> None:
        async with serving(made.server.handle) as made.url:
            listens.set()
            await ended.wait()

    thread = Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert listens.wait(30)
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


@contextmanager
def _real(folder: Path, **values: float) -> Iterator[Influx]:
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    made = Real(**values)
    made.url = f"http://127.0.0.1:{port}"
    (folder / "influxdb.conf").write_text(CONFIG.format(folder=folder, port=port))
    with (folder / "influxdb.log").open("wb") as log:
        command = ["influxd", "-config", str(folder / "influxdb.conf")]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        query = urllib.parse.urlencode({"q": f"CREATE DATABASE {DATABASE}"})
        eventually("InfluxDB answers", lambda: _answers(made, f"/query?{query}"))
        yield made
    finally:
        process.terminate()
        process.wait(10)


def _answers(made: Real, path: str) -> bool:
    try:
        made.post(path)
    except urllib.error.URLError:
        return False
    return True
