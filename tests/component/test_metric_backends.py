"""A metric is read through a backend: InfluxDB's, and one that exists in this file alone."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import new_class
from typing import Any, Literal

import pytest
import yaml

from runbook_operator.core.monitors import AskMetric, Reading
from runbook_operator.core.query_languages import QueryLanguage
from runbook_operator.core.samples import Answer, Matrix, QueryError, Sample
from runbook_operator.monitoring.backends import REGISTRY, MetricBackend
from runbook_operator.monitoring.backends.configured_sources import MetricSources
from runbook_operator.monitoring.backends.metric_backend import Observe, SourceSpec, Terms
from runbook_operator.monitoring.declared_monitors import watches
from runbook_operator.monitoring.io.baselines import Baselines
from runbook_operator.monitoring.io.metric_reader import MetricReader
from runbook_operator.runtime import clock
from tests.builders import Body, runbook
from tests.fakes.influxdb_source import InfluxDB
from tests.fakes.prometheus_source import serving

MINUTE = timedelta(minutes=1)
MEAN = "SELECT mean(value) FROM {} WHERE time > now() - 5m GROUP BY pod"


class LettersSource(SourceSpec):
    """An entry for a source that counts letters, which needs a key."""

    type: Literal["letters"]
    key_file: str


def letters(sent: list[str]) -> type[MetricBackend]:
    """Make a third backend, as a file in monitoring/backends would; it answers with the length of each query."""

    class Members:
        kind = "letters"
        Spec = LettersSource
        language = QueryLanguage("letters", lambda _: MINUTE, lambda _: MINUTE, lambda _query, _zero: "")
        ahead = None
        key = ""

        @classmethod
        def connect(cls, terms: Terms, observe: Observe) -> "Members":
            made = cls()
            made.key = terms.files["keyFile"]
            observe("Answered", 0.0)
            return made

        async def instant(self, queries: Iterable[str], at: datetime) -> Mapping[str, Answer]:
            sent.append(self.key)
            refused = QueryError("Refused", "it has a digit")
            return {one: (Sample({}, float(len(one)), at),) if one.isalpha() else refused for one in queries}

        async def range_(self, query: str, start: datetime, end: datetime, step: timedelta) -> Matrix:
            times = [start + number * step for number in range((end - start) // step + 1)]
            return Matrix(tuple(Sample({}, len(query) / 2, at) for at in times), len(times))

        async def close(self) -> None:
            sent.append("closed")

    return new_class("Letters", (MetricBackend,), exec_body=lambda body: body.update(vars(Members)))


@pytest.fixture
def sent() -> Iterator[list[str]]:
    """What the third backend sends; it is registered for one test."""
    found: list[str] = []
    letters(found)
    yield found
    del REGISTRY["letters"]


@asynccontextmanager
async def reader(folder: Path, *metrics: Body, **entry: Any) -> AsyncIterator[Mapping[str, Reading]]:
    """The readings of these metrics of a Runbook from the source `default` with this entry."""
    (folder / "sources.yaml").write_text(yaml.safe_dump({"default": entry}))
    sources = await MetricSources.open(str(folder / "sources.yaml"))
    assert sources.problems == {}
    baselines = Baselines(sources)
    found = watches(runbook(metrics=metrics), sources.languages)
    assert found.problems == ()
    dues = [(one, one.ask) for one in found.watches if isinstance(one.ask, AskMetric)]
    try:
        yield {key.name: one for key, one in (await MetricReader(sources, baselines)("default", dues)).items()}
    finally:
        await baselines.close()
        await sources.close()


def metric(name: str, query: str, **rest: Any) -> Body:
    return {"name": name, "query": query, "critical": "> 10"} | rest


async def test_influxdb_gives_numbers_baselines_and_reasons(tmp_path: Path) -> None:
    now = clock.now()
    points = [(now - number * MINUTE, "a", 4.0) for number in range(180)]
    there = InfluxDB(
        points={"usual": points, "errors": [(now - MINUTE, "a", 1.0), (now - MINUTE, "b", 12.0)]},
        authorization="Token s3cret",
    )
    (tmp_path / "token").write_text("s3cret\n")
    metrics = (
        metric("errors", MEAN.format("errors")),
        metric("usual", MEAN.format("usual"), critical="> 2x", baseline="2h"),
        metric("none", MEAN.format("none")),
        metric("zero", MEAN.format("none"), absent="Zero"),
        metric("wrong", "SELECT mean( FROM x WHERE time > now() - 5m"),
        metric("promql", "rate(errors[5m])"),
    )
    async with (
        serving(there.handle) as url,
        reader(tmp_path, *metrics, type="influxdb", url=url, database="shop", tokenFile="token") as found,
    ):
        assert {name: (one.value, one.reason) for name, one in found.items()} == {
            "errors": (12.0, ""),
            "usual": (4.0, ""),
            "none": (None, "NoData"),
            "zero": (0.0, ""),
            "wrong": (None, "QueryRefused"),
            "promql": (None, "QueryRefused"),
        }
        assert found["errors"].series == 'errors{pod="b"}'
        assert found["usual"].baseline == 4.0
        assert found["promql"].message == "metric source default: the query is not an InfluxQL SELECT"
    assert "s3cret" not in str(found)


async def test_wrong_token_is_reported_as_unauthorized(tmp_path: Path) -> None:
    there = InfluxDB(authorization="Token s3cret")
    async with (
        serving(there.handle) as url,
        reader(tmp_path, metric("a", MEAN.format("a")), type="influxdb", url=url, database="shop") as found,
    ):
        assert (found["a"].value, found["a"].reason) == (None, "SourceUnauthorized")


async def test_third_backend_in_one_file_is_configured_and_read(tmp_path: Path, sent: list[str]) -> None:
    (tmp_path / "key").write_text("k3y")
    metrics = (
        metric("plain", "abcdefghijklmn"),
        metric("relative", "abcd", critical="> 1.5x", baseline="2h"),
        metric("refused", "a1"),
    )
    async with reader(tmp_path, *metrics, type="letters", url="http://letters", keyFile="key") as found:
        assert {name: (one.value, one.baseline, one.reason) for name, one in found.items()} == {
            "plain": (14.0, None, ""),
            "relative": (4.0, 2.0, ""),
            "refused": (None, None, "QueryRefused"),
        }
    assert sent == ["k3y", "closed"]


@pytest.mark.usefixtures("sent")
async def test_third_backend_without_its_key_is_an_error_that_names_the_field(tmp_path: Path) -> None:
    file = tmp_path / "sources.yaml"
    file.write_text("default: {type: letters, url: 'http://letters'}")

    sources = await MetricSources.open(str(file))

    assert sources.problems == {"default": "keyFile: Field required"}
    assert sources.why_not("default", "shop").endswith("is not valid: keyFile: Field required")
