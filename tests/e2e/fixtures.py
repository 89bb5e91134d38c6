"""The lab's API server, a namespace per test, and operators as processes, as their users run them."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import yaml

from lab.layout import here
from tests.e2e import autoscaling, delivery, installed, optional, traffic
from tests.e2e.harness import Cluster, Operator, eventually, fresh_namespace, kubectl
from tests.e2e.inside import Inside
from tests.e2e.prometheus import Prometheus, Target, prometheus


@pytest.fixture(scope="session")
def _crds(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The chart with its CRDs, and the kinds that optional tools would bring.

    A context that is not the lab's must have been let through by the lab's guard; see `make test`.
    """
    if not os.environ.get("KUBECONFIG"):
        pytest.exit("set KUBECONFIG, or run the tests by `make test`, which starts the lab", returncode=2)
    # Workers of one run have folders side by side.
    base = tmp_path_factory.getbasetemp()
    run = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    with installed.alone():
        if not (done := run / "installed").exists():
            installed.install(run)
            # Before any operator begins: what a cluster serves is asked for every few seconds only.
            for make_kinds in (delivery.make_kinds, autoscaling.make_kinds, traffic.make_kinds):
                make_kinds()
            optional.serve("FeatureFlag", "Application", "Kustomization", "HelmRelease")
            eventually("every kind is served", optional.all_served)
            done.touch()


@pytest.fixture
def namespace(_crds: None) -> Iterator[str]:
    """A namespace of the test's own."""
    with fresh_namespace() as name:
        yield name


@pytest.fixture
def cluster(namespace: str) -> Cluster:
    return Cluster(namespace)


@pytest.fixture
def node(_crds: None) -> str:
    """A node that runs pods. In CI there must be one; elsewhere the sentence says what was not run."""
    found = kubectl("get", "nodes", "-o", "name").strip()
    if not found and os.environ.get("CI") != "true":
        pytest.skip("the lab has no node here, so nothing that needs a running pod was tested")
    assert found, "the lab has no node, and in CI it must have one"
    return found


@pytest.fixture
def operator(cluster: Cluster, tmp_path: Path) -> Iterator[Operator]:
    """An operator that serves the test's namespace and leads."""
    running = Operator(cluster.namespace, tmp_path)
    running.start()
    yield running
    _let_go(cluster, running)


@pytest.fixture
def stopped_operator(cluster: Cluster, tmp_path: Path) -> Iterator[Operator]:
    """An operator that the test starts, kills and starts again."""
    running = Operator(cluster.namespace, tmp_path)
    yield running
    _let_go(cluster, running)


@pytest.fixture
def inside(cluster: Cluster, tmp_path: Path) -> Iterator[Inside]:
    """An operator that reaches what the test's namespace runs, by the addresses of Services."""
    if os.environ.get("KUBECONFIG") != str(here().kubeconfig):
        pytest.skip("this cluster is not the lab, so that no process can be put into its network")
    running = Inside(cluster.namespace, tmp_path, as_typed=True)
    running.start()
    yield running
    _let_go(cluster, running)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus that finds few errors until the test says otherwise."""
    with prometheus(tmp_path / "prometheus", Target(error_ratio=0.001)) as running:
        yield running


@pytest.fixture
def watching(cluster: Cluster, source: Prometheus, tmp_path: Path) -> Iterator[Operator]:
    """An operator whose administrator has named the source."""
    sources = tmp_path / "sources.yaml"
    sources.write_text(yaml.safe_dump({"default": {"url": source.url}}))
    running = Operator(cluster.namespace, tmp_path, RUNBOOK_METRIC_SOURCES=str(sources))
    running.start()
    yield running
    _let_go(cluster, running)


def _let_go(cluster: Cluster, operator: Operator) -> None:
    """Release everything while an operator is there to do it, as an administrator would before removing one."""
    try:
        if not operator.alive:
            operator.start()
        cluster.clear()
        operator.stop()
    finally:
        if operator.alive:
            operator.kill()
    refused = [line for line in operator.log().splitlines() if f'{installed.FULLNAME}\\" cannot ' in line]
    assert not refused, "the chart gives too few rights"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows what the cluster and the operator had to say."""
    report = yield
    if report.failed and report.when == "call":
        fixtures = getattr(item, "funcargs", {})
        if isinstance(cluster := fixtures.get("cluster"), Cluster):
            report.sections.append(("cluster", cluster.dump()))
        for running in fixtures.values():
            if isinstance(running, Operator):
                report.sections.append(("operator", running.log()))
    return report
