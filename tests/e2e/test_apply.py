"""What is applied again changes nothing: by kubectl's client-side and server-side apply, by replace and by diff."""

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from tests.e2e import optional
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, fresh_namespace, kubectl, runbook

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NO_PODS: Body = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "no-pods"},
    "spec": {"hard": {"pods": "0"}},
}
"""What the pods of all the examples would cost the node is not what is tested."""


@pytest.fixture
def manifests(_crds: None, tmp_path: Path) -> Iterator[Path]:
    """Every YAML of the examples in one file, in as many namespaces as there are examples with the same names."""
    optional.serve("AppProject", "GitRepository")
    paths = sorted(EXAMPLES.rglob("*.yaml"))
    found = [one for path in paths for one in yaml.safe_load_all(path.read_text())]
    observed: Counter[tuple[str, str]] = Counter()
    with ExitStack() as stack:
        namespaces: list[str] = []
        for one in found:
            key = (one["kind"], one["metadata"]["name"])
            if observed[key] == len(namespaces):
                namespaces.append(stack.enter_context(fresh_namespace()))
                Cluster(namespaces[-1]).apply(NO_PODS)
            one["metadata"]["namespace"] = namespaces[observed[key]]
            observed[key] += 1
        path = tmp_path / "examples.yaml"
        path.write_text(yaml.safe_dump_all(found))
        yield path


def difference(path: Path, *options: str) -> str:
    """What `kubectl diff` would change."""
    command = ["kubectl", "diff", *options, "-f", str(path)]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def generations(path: Path) -> set[int]:
    """How often the spec of a Runbook was changed, its creation included."""
    items = json.loads(kubectl("get", "-f", str(path), "-o", "json"))["items"]
    return {one["metadata"]["generation"] for one in items if one["kind"] == "Runbook"}


def test_every_example_is_stored_unchanged_by_each_way_of_applying(manifests: Path) -> None:
    file = ("-f", str(manifests))
    kubectl("apply", *file)
    assert difference(manifests) == ""

    kubectl("apply", "--server-side", "--force-conflicts", *file)
    kubectl("replace", *file)

    assert difference(manifests, "--server-side", "--force-conflicts") == ""
    assert generations(manifests) == {1}


WAYS: dict[str, Callable[[Cluster, Body], str]] = {
    "client-side": lambda cluster, body: cluster.apply(body),
    "server-side": lambda cluster, body: cluster.run("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(body)),
    "replace": lambda cluster, body: cluster.run("replace", "-f", "-", stdin=yaml.safe_dump(body)),
}


def test_reapplied_runbook_keeps_its_switch_engaged_and_its_status(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(deployment(), runbook())
    cluster.until_reason("switch", "shop-stop", "Ready")
    cluster.throw("shop-stop")
    record = cluster.until_phase("shop-stop", "Engaged")["status"]["record"]
    eventually("it is counted", lambda: cluster.get("runbook", "shop")["status"]["engaged"] == 1)
    status = cluster.get("runbook", "shop")["status"]

    for apply in WAYS.values():
        apply(cluster, runbook())

        after = cluster.get("runbook", "shop")
        assert (after["metadata"]["generation"], after["status"]) == (1, status)
    assert cluster.get("switch", "shop-stop")["status"]["record"] == record
    assert cluster.replicas() == 0
    assert operator.alive
