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


def test_the_chart_takes_the_oldest_version_and_none_before_it() -> None:
    chart = yaml.safe_load((ROOT / "charts" / "runbook-operator" / "Chart.yaml").read_text())

    assert chart["kubeVersion"] == f">={minor(OLDEST)}.0-0"


def test_the_docs_name_the_oldest_and_the_newest() -> None:
    page = (ROOT / "docs" / "uninstall.md").read_text()

    assert re.findall(r"^\| (oldest|newest) \| ([\d.]+) \|", page, re.MULTILINE) == [
        ("oldest", minor(OLDEST)),
        ("newest", minor(VERSION)),
    ]


def test_the_newest_is_the_one_that_the_lab_compiles() -> None:
    module = (ROOT / "lab" / "cluster" / "go.mod").read_text()

    assert f"k8s.io/kubernetes {VERSION}\n" in module


def test_what_is_no_version_is_not_built(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="is no version of Kubernetes"):
        skew.assets(Layout(tmp_path), "latest; rm -rf /")


def test_a_second_lab_of_a_checkout_has_folders_of_its_own(tmp_path: Path) -> None:
    usual, other = Layout(tmp_path), Layout(tmp_path, tmp_path / ".lab" / "skew" / OLDEST / "lab")

    assert other.kubeconfig != usual.kubeconfig
    assert other.runtime != usual.runtime
