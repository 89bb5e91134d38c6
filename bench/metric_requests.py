"""What metrics cost their source: requests per interval for 1,000 and 10,000 thresholds, to the lab's Prometheus.

Every threshold has a query of its own, and all are due together. `together` is what the operator does; `alone` asks for
each by itself, with as many requests under way, in the same run. With `bad`, one query in a hundred is refused: the
first interval finds out which, and the last tells what is left of that. Left out: TLS, distance, and old samples.
"""

import asyncio
import json
import logging
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import structlog

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lab.monitoring import Scraper
from runbook_operator.core.level_tracker import Timing
from runbook_operator.core.monitors import AskMetric, Key, Measure, Watch
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.core.thresholds import parse
from runbook_operator.monitoring.backends.configured_sources import MetricSources
from runbook_operator.monitoring.io.baselines import Baselines
from runbook_operator.monitoring.io.metric_reader import MetricReader
from runbook_operator.runtime import clock

THRESHOLDS = tuple(int(one) for one in os.environ.get("THRESHOLDS", "1000,10000").split(","))
INTERVALS = 8
SCRAPED = "5s"
QUERIES = (
    'sum(rate(http_requests_total{{app="{app}",code=~"5.."}}[1m])) / sum(rate(http_requests_total{{app="{app}"}}[1m]))',
    'sum by (app) (rate(http_requests_total{{app="{app}"}}[1m]))',
    'max by (app) (queue_depth{{app="{app}"}})',
    'avg_over_time(queue_depth{{app="{app}"}}[1m])',
)
BAD = 'sum(rate(http_requests_total{{app="{app}"}}[1m])) by'
"""Cut off: no source takes it, and every bracket is closed, so that it is asked beside others."""
Figures = dict[str, Any]


def watches(count: int, *, bad: bool) -> list[tuple[Watch, AskMetric]]:
    """So many thresholds, four for each app."""
    timing, measure = Timing(timedelta(), timedelta(), timedelta(minutes=5)), Measure(critical=parse("> 1000000"))
    found = []
    for number in range(count):
        template = BAD if bad and number % 100 == 0 else QUERIES[number % len(QUERIES)]
        ask = AskMetric("default", template.format(app=f"app-{number // len(QUERIES)}") + " " * (number % 2))
        key = Key(Ref(API_VERSION, "Runbook", "bench", f"app-{number // len(QUERIES)}"), "Metric", f"m{number}")
        found.append((Watch(key, ask, timedelta(seconds=15), timedelta(seconds=5), timing, measure), ask))
    return found


class Run:
    """One set of thresholds, and what comes of the requests for it."""

    def __init__(self, due: Sequence[tuple[Watch, AskMetric]], url: str, folder: Path) -> None:
        self.due = due
        self.file = folder / "sources.yaml"
        self.file.write_text(json.dumps({"default": {"url": url}}))
        self.asked: list[tuple[str, float]] = []

    def note(self, _: str, kind: str, seconds: float) -> None:
        self.asked.append((kind, seconds))

    async def read_together(self) -> list[Figures]:
        sources = await MetricSources.open(str(self.file), self.note)
        measuring = MetricReader(sources, Baselines(sources))
        found = [await self._interval(measuring, self.due) for _ in range(INTERVALS)]
        await sources.close()
        return found

    async def alone(self) -> Figures:
        sources = await MetricSources.open(str(self.file), self.note)
        measuring = MetricReader(sources, Baselines(sources))
        with self._measured() as figures:
            await asyncio.gather(*(measuring("default", [one]) for one in self.due))
        await sources.close()
        return figures

    async def _interval(self, measuring: MetricReader, due: Sequence[tuple[Watch, AskMetric]]) -> Figures:
        with self._measured() as figures:
            readings = await measuring("default", due)
        figures["without a number"] = sum(one.value is None for one in readings.values())
        return figures

    @contextmanager
    def _measured(self) -> Iterator[Figures]:
        self.asked.clear()
        figures: Figures = {}
        began, cpu = time.perf_counter(), _cpu()
        yield figures
        figures |= {
            "requests": len(self.asked),
            "seconds": round(time.perf_counter() - began, 3),
            "operator cpu seconds": round(_cpu() - cpu, 3),
            "slowest request, seconds": round(max(seconds for _, seconds in self.asked), 3),
            "came to": dict(Counter(kind for kind, _ in self.asked)),
        }


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Apps(BaseHTTPRequestHandler):
    """What Prometheus scrapes: requests and a queue for each app."""

    apps = max(THRESHOLDS) // len(QUERIES)

    def do_GET(self) -> None:
        now = time.time()
        lines = (
            f'http_requests_total{{app="app-{app}",code="200"}} {now:.0f}\n'
            f'http_requests_total{{app="app-{app}",code="500"}} {now / 100:.0f}\n'
            f'queue_depth{{app="app-{app}"}} {app}\n'
            for app in range(self.apps)
        )
        body = "".join(lines).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is written."""


@contextmanager
def prometheus(folder: Path) -> Iterator[str]:
    """The lab's Prometheus with a minute of samples."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Apps)
    Thread(target=server.serve_forever, daemon=True).start()
    scraper = Scraper(folder, [f"127.0.0.1:{server.server_port}"], SCRAPED)
    scraper.start()
    try:
        time.sleep(60)
        yield scraper.url
    finally:
        scraper.stop()
        server.shutdown()


async def measured(url: str, folder: Path, count: int) -> Figures:
    """The figures of so many thresholds."""
    good = await Run(watches(count, bad=False), url, folder).read_together()
    bad = await Run(watches(count, bad=True), url, folder).read_together()
    return {
        "thresholds": count,
        "at": clock.now().isoformat(timespec="seconds"),
        "together": {"first interval": good[0], "last interval": good[-1]},
        "together, bad": {"first interval": bad[0], "last interval": bad[-1]},
        "alone": await Run(watches(count, bad=False), url, folder).alone(),
    }


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as name, prometheus(Path(name) / "prometheus") as url:
        for count in THRESHOLDS:
            print(json.dumps(asyncio.run(measured(url, Path(name), count)), indent=2), flush=True)


if __name__ == "__main__":
    main()
