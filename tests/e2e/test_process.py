"""The operator as a process: what it writes at rest, what it says of itself, how it stops and takes over."""

import json
import os
from pathlib import Path

import pytest

from tests.e2e.harness import QUICK_LEASE, Cluster, Operator, deployment, eventually, pause, runbook

QUIET_SECONDS = 60
AUDIT_LOG = Path(os.environ.get("KUBECONFIG", "")).parent / "log" / "audit.log"


def writes(cluster: Cluster) -> list[str]:
    """The operator's writes in the test's namespace, as the API server's audit log has them; its lease left out."""
    if not AUDIT_LOG.exists() and os.environ.get("CI") != "true":
        pytest.skip("this cluster has no audit log to read here, so its quiet was not tested; the lab has one")
    # A log that has grown large is set aside under a name with its time, also in the middle of a test.
    logs = sorted(AUDIT_LOG.parent.glob(f"{AUDIT_LOG.stem}*{AUDIT_LOG.suffix}"))
    acts = (json.loads(line) for log in logs for line in log.read_text().splitlines() if cluster.namespace in line)
    return [
        f"{act['verb']} {act['requestURI']}"
        for act in acts
        if act.get("userAgent", "").startswith("runbook-operator")
        and act.get("objectRef", {}).get("namespace") == cluster.namespace
        and act["objectRef"]["resource"] != "leases"
    ]


@pytest.mark.timeout(240)
def test_fifty_runbooks_at_rest_cost_no_write_in_a_minute(cluster: Cluster, operator: Operator) -> None:
    names = [f"shop-{number}" for number in range(50)]
    cluster.create(deployment(), *(runbook(name) for name in names))
    cluster.throw_when_there("shop-0-stop")
    for name in names:
        cluster.until_reason("runbook", name, "Ready")
        cluster.until_reason("switch", f"{name}-up", "Ready")
    cluster.until_phase("shop-0-stop", "Engaged")
    eventually("it is counted", lambda: cluster.get("runbook", "shop-0")["status"]["engaged"] == 1)
    before = writes(cluster)

    # The one test that waits by the clock: what it shows is that nothing happens for a minute.
    deadline = operator.uptime() + QUIET_SECONDS
    while operator.uptime() < deadline:
        pause()

    assert len(before) > len(names)
    assert writes(cluster) == before


def test_health_and_readiness_endpoints_answer_ok(cluster: Cluster, operator: Operator) -> None:
    assert cluster.run("get", "lease", "runbook-operator", "-o", "name")
    assert operator.http("/healthz") == (200, "ok")
    eventually("it is ready", lambda: operator.http("/readyz") == (200, "ok"))


def test_operator_without_api_server_is_not_ready(stopped_operator: Operator, tmp_path: Path) -> None:
    nowhere = tmp_path / "kubeconfig"
    config = json.loads(Path(os.environ["KUBECONFIG"]).read_text())
    config["clusters"][0]["cluster"]["server"] = "https://localhost:1"
    nowhere.write_text(json.dumps(config))

    stopped_operator.launch(KUBECONFIG=str(nowhere))
    eventually("it serves", lambda: '"http"' in stopped_operator.log())

    status, text = stopped_operator.http("/readyz")
    assert (status, text.splitlines()[0]) == (503, "the first list of all objects is not complete yet")
    stopped_operator.kill()


def test_metrics_show_the_latency_of_a_throw(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(deployment(), runbook())
    cluster.until_reason("switch", "shop-stop", "Ready")
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")

    _, text = operator.http("/metrics")

    assert "runbook_operator_switch_effect_seconds_count 1.0" in text
    assert 'runbook_operator_notices_total{reason="Engaged"} 1.0' in text
    assert "runbook_operator_switches_engaged 1.0" in text
    assert "runbook_operator_leading 1.0" in text


def test_sigterm_releases_the_lease_and_exits_with_0(cluster: Cluster, stopped_operator: Operator) -> None:
    stopped_operator.start()

    assert stopped_operator.stop() == 0

    assert not cluster.get("lease", "runbook-operator")["spec"].get("holderIdentity")


def test_second_replica_stands_by_and_takes_over_from_a_killed_leader(
    cluster: Cluster, stopped_operator: Operator, tmp_path: Path
) -> None:
    stopped_operator.launch(**QUICK_LEASE)
    cluster.apply(deployment(), runbook())
    cluster.until_reason("switch", "shop-stop", "Ready")
    second = Operator(cluster.namespace, tmp_path / "second")
    second.launch(**QUICK_LEASE)
    eventually("the second is ready", lambda: '"http"' in second.log() and second.http("/readyz")[0] == 200)
    assert '"leading"' not in second.log()

    stopped_operator.kill()
    cluster.throw("shop-stop")

    cluster.until_phase("shop-stop", "Engaged")
    assert cluster.replicas() == 0
    assert second.stop() == 0
