"""Documents made to hold the operator up or to fill its log, with either format of the log."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook

MARK = "of-another-tenant"
"""It is in every document, and may be in no log line."""
LONGEST_LOG = 100_000
LONGEST_LINE = 5_000
DOCUMENTS = {
    "oversized": f"mark: {MARK}\n" + "".join(f"key{number}: {MARK}\n" for number in range(16_000)) + "ai: true\n",
    "nested": f"mark: {MARK}\nai: true\ndeep: " + "[" * 9_000 + "]" * 9_000 + "\n",
    "aliases": f"a0: &a0 [{MARK}]\n"
    + "".join(f"a{n}: &a{n} [{f'*a{n - 1},' * 9}]\n" for n in range(1, 9))
    + "ai: true\n",
    "control characters": f"ai: true\nmark: {MARK}\x07\x1b[31m\n",
    "no document": f"{MARK} {{[ ai: true",
}


@pytest.fixture(params=["console", "json"])
def logging(cluster: Cluster, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Operator]:
    """An operator with this format of the log; it is stopped before its namespace is cleared."""
    operator = Operator(cluster.namespace, tmp_path, RUNBOOK_LOG_FORMAT=str(request.param))
    operator.launch()
    eventually("the operator leads", lambda: "leading" in operator.log())
    yield operator
    cluster.clear()
    if operator.alive:
        operator.stop()


def hostile(number: int, text: str) -> tuple[Body, Body]:
    """A ConfigMap with the document, and a Runbook with a switch that sets a flag in it."""
    name = f"hostile-{number}"
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"app.yaml": text}}
    target = {"name": "web", "workload": {"name": "web"}, "flags": {"configMap": name, "key": "app.yaml"}}
    entry = {"name": "stop", "actions": [{"setFlag": {"target": "web", "flag": "ai", "value": "false"}}]}
    return config, runbook(name, targets=[target], killSwitches=[entry], scaling=[])


def has_outcome(cluster: Cluster, name: str) -> bool:
    return cluster.phase(name) in ("Engaged", "Stalled")


def test_hostile_documents_stop_no_other_runbook_and_appear_in_no_log(cluster: Cluster, logging: Operator) -> None:
    cluster.create(deployment(), runbook(scaling=[]))
    cluster.until_reason("switch", "shop-stop", "Ready")
    names = [f"hostile-{number}-stop" for number in range(len(DOCUMENTS))]
    cluster.create(*(one for number, text in enumerate(DOCUMENTS.values()) for one in hostile(number, text)))
    for name in names:
        cluster.throw_when_there(name)

    cluster.throw("shop-stop")
    cluster.until_replicas(0)
    for name in names:
        eventually(f"{name} has an outcome", partial(has_outcome, cluster, name))
    cluster.release("shop-stop")
    cluster.until_replicas(3)

    log = logging.log()
    assert logging.alive
    assert MARK not in log
    assert "an unexpected error in a visit" not in log
    assert "Traceback" not in log
    assert len(log) < LONGEST_LOG
    assert max(map(len, log.splitlines())) < LONGEST_LINE
