"""Each row of the table "How to add" of docs/architecture.md is followed in a copy of the code."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
READ = """
import json
from runbook_operator.actions import REGISTRY as actions
from runbook_operator.api.crd_generation import crd
from runbook_operator.api.runbook_kind import RUNBOOK
from runbook_operator.api.rbac_generation import roles
from runbook_operator.settings import Settings
from runbook_operator.sources import REGISTRY as sources
from tools import reference
from tools.chart.settings import settings_model
text = json.dumps(crd(RUNBOOK))
print(json.dumps({
    "actions": sorted(actions), "sources": sorted(sources), "crd": text, "page": reference.page(),
    "roles": {one["metadata"]["name"]: one["rules"] for one in roles()},
    "settings": sorted(Settings.model_fields),
    "values": sorted(settings_model(Settings).model_json_schema()["properties"]),
}))
"""


class Copy:
    """A copy of the operator, of the tools and of the pages, in which a test adds files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = folder / "operator" / "runbook_operator"
        for name in ("operator", "tools", "docs/reference", "tests/repo"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))

    def edit(self, name: str, *changes: tuple[str, str], target: str = "") -> None:
        """Replace texts of a module, each of which must be there, and write it to the target or in place."""
        text = (self.package / name).read_text()
        for old, new in changes:
            assert old in text, f"{name} has no {old!r}"
            text = text.replace(old, new)
        (self.package / (target or name)).write_text(text)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": f"{self.folder / 'operator'}:{self.folder}"}
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=self.folder, env=environment, text=True, capture_output=True, check=False)

    def read(self) -> dict[str, Any]:
        done = self.run("-c", READ)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_action_file_appears_in_registry_crd_roles_and_page(copy: Copy) -> None:
    copy.edit("actions/scale.py", ('kind = "scale"', 'kind = "shrink"'), target="actions/shrink.py")

    found = copy.read()

    assert "shrink" in found["actions"]
    assert '"shrink"' in found["crd"]
    assert found["roles"]["runbook-operator-action-shrink"] == found["roles"]["runbook-operator-action-scale"]
    assert "| [`shrink`](#shrink) |" in found["page"]


def test_source_file_appears_in_registry_crd_and_roles(copy: Copy) -> None:
    copy.edit("sources/pod_counts.py", ('kind = "pods"', 'kind = "tasks"'), target="sources/task_counts.py")

    found = copy.read()

    assert "tasks" in found["sources"]
    assert '"tasks"' in found["crd"]
    assert found["roles"]["runbook-operator-source-tasks"] == found["roles"]["runbook-operator-source-pods"]


def test_traffic_mechanism_file_and_its_rows_appear_in_the_crd(copy: Copy) -> None:
    file = "actions/traffic/firewall.py"
    rows = [f'    "NetworkPolicy": network_policy.{what},\n' for what in ("block", "RIGHTS")]
    copy.edit("actions/traffic/network_policy.py", ("networking.k8s.io", "example.org"), target=file)
    copy.edit(
        "actions/block_traffic.py",
        ("    envoy_gateway,\n", "    envoy_gateway,\n    firewall,\n"),
        ('"Ingress", "NetworkPolicy"\n]', '"Ingress", "NetworkPolicy", "Firewall"\n]'),
        *((row, row + row.replace("NetworkPolicy", "Firewall").replace("network_policy", "firewall")) for row in rows),
    )

    found = copy.read()

    assert '"Firewall"' in found["crd"]
    assert "example.org" in json.dumps(found["roles"]["runbook-operator-action-blocktraffic"])
    assert "Firewall" in found["page"]


def test_reason_needs_its_row_on_the_page(copy: Copy) -> None:
    page = copy.folder / "docs" / "reference" / "reasons.md"
    first = next(line for line in page.read_text().splitlines() if line.startswith("| `"))
    tests = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", "tests/repo/test_reasons.py")
    text = (copy.package / "core" / "reasons.py").read_text().rstrip()
    (copy.package / "core" / "reasons.py").write_text(f'{text}\n    EXAMPLE = "Example"\n')

    without = copy.run(*tests)
    page.write_text(page.read_text().replace(first, f"{first}\n| `Example` | a | b | c |", 1))
    with_row = copy.run(*tests)

    assert "these reasons have no row" in without.stdout
    assert with_row.returncode == 0, with_row.stdout


def test_setting_appears_in_options_and_chart_values(copy: Copy) -> None:
    old = "    workers: int = Field("
    copy.edit("settings.py", (old, f'    example_seconds: float = Field(3.0, description="An example.")\n{old}'))

    found = copy.read()
    options = copy.run("-m", "runbook_operator", "run", "--help").stdout

    assert "example_seconds" in found["settings"]
    assert "exampleSeconds" in found["values"]
    assert "--example-seconds" in options
    assert "RUNBOOK_EXAMPLE_SECONDS" in options
