"""The lab's API server, a namespace per test, and operators as processes, as their users run them."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.e2e.harness import Cluster, Operator, kubectl

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def _crds() -> None:
    """A context that is not the lab's must have been let through by the lab's guard; see `make test`."""
    if not os.environ.get("KUBECONFIG"):
        pytest.exit("set KUBECONFIG, or run the tests by `make test`, which starts the lab", returncode=2)
    kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
    kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")


@pytest.fixture
def namespace(_crds: None) -> Iterator[str]:
    """A namespace of the test's own; Switches in it are let go at the end, so that it can be deleted."""
    name = f"t-{uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


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


def _let_go(cluster: Cluster, operator: Operator) -> None:
    """Release everything while an operator is there to do it, as an administrator would before removing one."""
    if not operator.alive:
        operator.start()
    cluster.run("delete", "runbooks,switches", "--all", "--timeout=30s")
    operator.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows what the cluster and the operator had to say."""
    report = yield
    if report.failed and report.when == "call":
        fixtures = getattr(item, "funcargs", {})
        if isinstance(cluster := fixtures.get("cluster"), Cluster):
            report.sections.append(("cluster", cluster.dump()))
        running = fixtures.get("operator") or fixtures.get("stopped_operator")
        if isinstance(running, Operator):
            report.sections.append(("operator", running.log()))
    return report
