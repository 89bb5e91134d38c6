"""The audit of writes to targets."""

import json
from pathlib import Path

import pytest

from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.reconcile.steps import WriteTarget
from runbook_operator.switches.engine import next_step
from runbook_operator.telemetry.audit import Audit
from tests.builders import Simulation
from tests.probing import Story, container, endpoint, service, workload


@pytest.fixture
def act() -> tuple[Snapshot, WriteTarget]:
    snapshot = Simulation().with_runbook().with_target(3).drive().throw().drive(at_most=2).snapshot()
    step = next_step(snapshot)
    assert isinstance(step, WriteTarget)
    return snapshot, step


def test_audit_line_has_author_action_cause_and_result(act: tuple[Snapshot, WriteTarget], tmp_path: Path) -> None:
    audit = Audit("replica-1", {"shop": 7}.__getitem__, tmp_path / "audit.jsonl")

    audit.note(*act, "done")
    audit.note(*act, "refused", "403")

    first, second = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert first["time"].startswith("2026-11-24T03:00:00.")
    assert {key: first[key] for key in ("by", "because", "switch", "target", "field")} == {
        "by": "kubectl-patch",
        "because": "INC-42",
        "switch": "shop-stop",
        "target": "Deployment/web",
        "field": "spec.replicas",
    }
    assert (first["before"], first["after"], first["result"], first["epoch"]) == (3, 0, "done", 7)
    assert (second["result"], second["error"], second["operator"]) == ("refused", "403", "replica-1")


@pytest.mark.parametrize(("engaged", "because"), [(False, "the fallback"), (None, "12% > 10%")])
def test_audit_line_of_a_restore_names_the_author_of_the_release(
    tmp_path: Path, because: str, *, engaged: bool | None
) -> None:
    simulation = Simulation().with_runbook().with_target(3).drive().monitor_state("Engage").drive()
    simulation.say(engaged=engaged, reason="the fallback").monitor_state("Engage" if engaged is False else "Release")
    snapshot = simulation.snapshot()
    step = next_step(snapshot)
    assert isinstance(step, WriteTarget)

    Audit(path=tmp_path / "audit.jsonl").note(snapshot, step, "done")

    line = json.loads((tmp_path / "audit.jsonl").read_text())
    assert (line["before"], line["after"]) == (0, 3)
    assert (line["by"], line["because"]) == ("kubectl-patch" if engaged is False else "Metric error-rate", because)


def test_audit_line_of_a_runbook_write_names_the_runbook_and_no_credential(tmp_path: Path) -> None:
    command = {"exec": {"command": ["redis-cli", "-a", "s3cret"]}}
    story = Story().has(workload(container(readinessProbe=command)), service()).declares(endpoint(enforce=True)).look()
    (step,) = story.adjusted

    Audit("replica-1", {"shop": 7}.__getitem__, tmp_path / "audit.jsonl").note(story.snapshot(), step, "done")

    text = (tmp_path / "audit.jsonl").read_text()
    line = json.loads(text)
    assert (line["runbook"], line["by"], line["target"]) == ("shop", "Runbook/shop", "Deployment/web")
    assert line["because"] == "health endpoints are declared as its probes"
    assert line["field"].endswith("[name=app].readinessProbe{exec,grpc,httpGet,tcpSocket}")
    assert line["after"] == {"httpGet": {"path": "/health/ready", "port": "http", "scheme": "HTTP"}}
    assert "s3cret" not in text


def test_unwritable_audit_file_does_not_stop_the_write(act: tuple[Snapshot, WriteTarget], tmp_path: Path) -> None:
    Audit(path=tmp_path).note(*act, "done")


def test_audit_without_file_writes_only_the_log(act: tuple[Snapshot, WriteTarget], tmp_path: Path) -> None:
    Audit().note(*act, "done")

    assert list(tmp_path.iterdir()) == []
