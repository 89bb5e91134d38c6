"""One version everywhere: that of pyproject.toml."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

from runbook_operator.telemetry.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
CHART = ROOT / "charts" / "runbook-operator"
PAGES = [ROOT / "README.md", CHART / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMED = re.compile(
    r"(?:runbook-operator:|image\.tag=|runbook[-_]operator-)(\d+\.\d+\.\d+\S*?)(?=[`\s.]*(?:\.tgz|\.cdx|\s|`|$))"
)


def test_chart_and_its_image_have_the_version() -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert (about["version"], about["appVersion"]) == (VERSION, VERSION)
    assert yaml.safe_load((CHART / "values.yaml").read_text())["image"]["tag"] == "", "empty is the chart's appVersion"


def test_command_line_and_metrics_have_the_version() -> None:
    command = [sys.executable, "-m", "runbook_operator", "--version"]

    assert subprocess.check_output(command, text=True) == f"runbook-operator {VERSION}\n"
    assert f'runbook_operator_build_info{{version="{VERSION}"}} 1.0' in Metrics().render()[0].decode()


def test_image_has_the_version() -> None:
    assert re.findall(r"^ARG VERSION=(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE) == [VERSION]


def test_newest_changelog_heading_is_the_version() -> None:
    (newest, *_) = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert re.split(r"[ ,]", newest)[0] == VERSION


def test_docs_name_no_other_version_of_the_operator() -> None:
    named = {(path.name, found) for path in PAGES for found in NAMED.findall(path.read_text())}

    assert ("install.md", VERSION) in named
    assert {found for _, found in named} == {VERSION}
