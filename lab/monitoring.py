"""A real Prometheus and a real Alertmanager, and the traffic of the application that Prometheus scrapes."""

import json
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from lab import build, load
from lab.layout import here

JOB = "app"
Wrap = Callable[[list[str]], list[str]]
"""How a command is run somewhere else, such as Lab.run_inside."""


class Scraper:
    """The process of lab/prometheus; its samples and its port outlive a stop."""

    def __init__(
        self, folder: Path, addresses: Sequence[str], every: str, wrap: Wrap = list, rules: Sequence[Any] = ()
    ) -> None:
        """`addresses` are host:port of what is scraped `every` so often, such as 200ms; so are `rules` evaluated."""
        self.port = 0
        self._folder = folder
        self._addresses = list(addresses)
        self._every = every
        self._wrap = wrap
        self._rules = list(rules)
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it listens; raises RuntimeError with its log's end where it does not."""
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "prometheus.yml"
        config.write_text(yaml.safe_dump(self._config()))
        self._rule_file.write_text(yaml.safe_dump({"groups": [{"name": "lab", "rules": self._rules}]}))
        arguments = ["--config", str(config), "--data", str(self._folder / "data"), "--port", str(self.port)]
        with self._log.open("ab") as log:
            command = self._wrap([str(build.compiled(here(), build.PROMETHEUS)), *arguments])
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        listens = self._process.stdout.readline().strip() if self._process.stdout else ""
        if not listens:
            raise RuntimeError(f"Prometheus ended: {self._complaint()}")
        self.port = urllib.parse.urlsplit(listens).port or 0

    def stop(self) -> None:
        """SIGTERM, and wait until it has ended."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.communicate(timeout=10)
        ended, self._process = self._process.returncode, None
        if ended:
            raise RuntimeError(f"Prometheus ended with status {ended}: {self._complaint()}")

    def _complaint(self) -> str:
        return self._log.read_text()[-2000:]

    @property
    def _log(self) -> Path:
        return self._folder / "prometheus.log"

    @property
    def _rule_file(self) -> Path:
        return self._folder / "rules.yml"

    def _config(self) -> dict[str, Any]:
        return {
            "global": dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), self._every),
            "rule_files": [str(self._rule_file)],
            "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": self._addresses}]}],
        }


ALERTMANAGER_CONFIG = {
    "route": {"receiver": "nobody", "group_by": ["incident"]},
    "receivers": [{"name": "nobody"}],
}


class Alertmanager:
    """The process of lab/alertmanager on the loopback; it notifies nobody."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it listens some moments later."""
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "alertmanager.yml"
        config.write_text(yaml.safe_dump(ALERTMANAGER_CONFIG))
        command = [
            str(build.compiled(here(), build.ALERTMANAGER)),
            f"--config.file={config}",
            f"--storage.path={self._folder / 'data'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            "--cluster.listen-address=",
        ]
        with (self._folder / "alertmanager.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self) -> None:
        """Send SIGTERM, and wait until it has ended."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)
            self._process = None


@contextmanager
def traffic(url: str, rate: float, seconds: float, out: Path, wrap: Wrap = list) -> Iterator[Callable[[], list[Any]]]:
    """Requests to the URL until the block is left, or for so many seconds; gives the answers so far, see load.py."""
    with out.open("w") as lines:
        command = wrap([sys.executable, load.__file__, url, str(rate), str(seconds)])
        sender = subprocess.Popen(command, stdout=lines)
    try:
        yield lambda: [json.loads(line) for line in out.read_text().splitlines() if line.endswith("}")]
    finally:
        sender.terminate()
        sender.wait(timeout=10)
