"""`runbook-operator postmortem`, as a person runs it; a real API server answers in tests/e2e/test_postmortem.py."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.aio.config import kube_config

from runbook_operator.__main__ import main
from runbook_operator.cli import postmortem_command
from runbook_operator.cli.postmortem_command import NO_CLUSTER

NOWHERE = "https://127.0.0.1:1"


def kubeconfig(folder: Path, **context: str) -> str:
    path = folder / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", **context}}],
        "clusters": [{"name": "c", "cluster": {"server": NOWHERE}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    path.write_text(yaml.safe_dump(document))
    return str(path)


def run(monkeypatch: pytest.MonkeyPatch, path: str, *arguments: str) -> int:
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", path)
    return main(["postmortem", "shop-1", *arguments])


def test_no_cluster_is_reported_with_the_variable_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, str(tmp_path / "missing")) == 1

    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"{NO_CLUSTER}\n")


def test_server_that_does_not_answer_is_reported_with_the_namespace_of_the_context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, kubeconfig(tmp_path, namespace="shop")) == 1

    assert capsys.readouterr().err.startswith("cannot read Incident shop-1 of namespace shop and its Runbook: ")


def test_context_without_a_namespace_means_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, kubeconfig(tmp_path)) == 1

    assert "of namespace default" in capsys.readouterr().err


class NewerServer:
    """A client of an API server whose Incidents have a field that this version does not know."""

    async def get(self, path: str) -> dict[str, Any]:
        meta = {"name": path.rpartition("/")[2], "namespace": "shop", "uid": "u", "resourceVersion": "1"}
        kind = {"apiVersion": "runbooks.dev/v1alpha1", "kind": "Incident"}
        return {**kind, "metadata": meta, "spec": {"runbook": "shop", "title": "Errors", "later": True}}

    async def close(self) -> None:
        """Nothing is open."""


def test_incident_of_a_newer_version_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def connected(_seconds: float) -> NewerServer:
        return NewerServer()

    monkeypatch.setattr(postmortem_command, "connect", connected)

    assert main(["postmortem", "shop-1", "-n", "shop"]) == 1
    assert "Incident shop-1 of namespace shop has a field that this version does not know" in capsys.readouterr().err


def test_wrong_setting_ends_with_status_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RUNBOOK_REQUEST_TIMEOUT", "soon")

    assert run(monkeypatch, "nowhere", "-n", "shop") == 2
    assert "RUNBOOK_REQUEST_TIMEOUT" in capsys.readouterr().err
