"""Which Kubernetes is supported is named in lab/layout.py, and everything else agrees."""

import re
from pathlib import Path

import pytest
import yaml

from lab import skew
from lab.layout import OLDEST, VERSION, Layout

ROOT = Path(__file__).resolve().parents[3]


def minor(version: str) -> str:
    found = re.search(r"1\.\d+", version)
    assert found is not None
    return found[0]


def test_chart_requires_the_oldest_supported_version() -> None:
    chart = yaml.safe_load((ROOT / "charts" / "runbook-operator" / "Chart.yaml").read_text())

    assert chart["kubeVersion"] == f">={minor(OLDEST)}.0-0"


def test_docs_name_the_oldest_and_newest_versions() -> None:
    page = (ROOT / "docs" / "uninstall.md").read_text()

    assert re.findall(r"^\| (oldest|newest) \| ([\d.]+) \|", page, re.MULTILINE) == [
        ("oldest", minor(OLDEST)),
        ("newest", minor(VERSION)),
    ]


def test_newest_version_is_the_one_compiled_by_the_lab() -> None:
    module = (ROOT / "lab" / "cluster" / "go.mod").read_text()

    assert f"k8s.io/kubernetes {VERSION}\n" in module


def test_invalid_kubernetes_version_is_not_built(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="is no version of Kubernetes"):
        skew.assets(Layout(tmp_path), "latest; rm -rf /")


def test_second_lab_of_a_checkout_has_its_own_folders(tmp_path: Path) -> None:
    usual, other = Layout(tmp_path), Layout(tmp_path, tmp_path / ".lab" / "skew" / OLDEST / "lab")

    assert other.kubeconfig != usual.kubeconfig
    assert other.runtime != usual.runtime
