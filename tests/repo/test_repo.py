"""What the repository promises about itself."""

import ast
import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from runbook_operator.actions import REGISTRY
from runbook_operator.api.crd_generation import crd
from runbook_operator.api.registered_kinds import RESOURCE_KINDS
from runbook_operator.settings import Settings
from tests.e2e.harness import kubectl
from tests.faults.deletions import DELETIONS, WRITES
from tests.faults.scenarios import SCENARIOS
from tools import fields, two_switches
from tools.reference import PAGE, page

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "operator" / "runbook_operator").rglob("*.py"))
EXAMPLES = sorted(path for path in (ROOT / "examples").glob("[0-9]*-*") if path.is_dir())


def functions() -> list[tuple[str, int]]:
    """Every function of the operator with its length in lines, its docstring and decorators left out."""
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                length = (body[-1].end_lineno or 0) - body[0].lineno + 2 if body else 1
                found.append((f"{path.name}:{node.name}", length))
    return found


def test_operator_folder_does_not_shadow_the_standard_library() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_functions_are_short() -> None:
    lengths = functions()

    assert statistics.median(length for _, length in lengths) <= 9
    assert [name for name, length in lengths if length > 40] == []


def test_files_are_short() -> None:
    assert [path.name for path in SOURCES if len(path.read_text().splitlines()) > 300] == []


def test_generated_crds_match_the_models() -> None:
    for kind in RESOURCE_KINDS.values():
        text = (ROOT / "crds" / f"runbooks.dev_{kind.plural}.yaml").read_text()
        assert crd(kind) == yaml.safe_load(text)


def test_generated_actions_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run make docs"


def test_generated_fields_page_has_each_field_of_the_models() -> None:
    text = fields.page()

    assert fields.PAGE.read_text() == text, "run make docs"
    assert "| `metrics[].clearFor` | string, default `2m` |" in text
    assert "| `expiresAfter` | string |" in text


def test_two_switches_page_is_generated_from_the_table_of_pairs() -> None:
    assert two_switches.PAGE.read_text() == two_switches.page(), "run make docs"


def test_new_action_file_appears_in_the_crd_with_no_other_edit(tmp_path: Path) -> None:
    package = tmp_path / "runbook_operator"
    subprocess.run(["cp", "-r", str(ROOT / "operator" / "runbook_operator"), str(package)], check=True)
    text = (package / "actions" / "scale.py").read_text().replace('kind = "scale"', 'kind = "shrink"')
    (package / "actions" / "shrink.py").write_text(text)

    done = subprocess.run(
        [sys.executable, "-m", "runbook_operator", "crds"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        text=True,
        capture_output=True,
        check=True,
    )

    document = next(yaml.safe_load_all(done.stdout))
    spec = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    action = spec["properties"]["killSwitches"]["items"]["properties"]["actions"]["items"]
    assert set(action["properties"]) == {*REGISTRY, "shrink", "timeout"}
    said = action["x-kubernetes-validations"][0]["message"]
    assert said == f"set exactly one action: {', '.join(sorted([*REGISTRY, 'shrink']))}"


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "reference" / "settings.md").read_text()

    assert [name for name in Settings.model_fields if f"`RUNBOOK_{name.upper()}`" not in text] == []


def test_reliability_page_has_every_campaign_story_with_its_cases() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text()

    assert [one.name for one in SCENARIOS if f"| {one.name} | {one.writes} writes |" not in text] == []
    assert f"**{sum(one.writes for one in SCENARIOS)} cases**" in text
    assert f"**{2 * 2 * WRITES * len(DELETIONS)} cases**" in text


def test_every_relative_link_of_a_page_exists() -> None:
    pages = [ROOT / "README.md", *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages
        for link in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text())
        if not (page.parent / link).exists()
    ]

    assert broken == []


@pytest.mark.usefixtures("_crds")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_accepted_by_the_api_server(example: Path) -> None:
    said = kubectl("apply", "--dry-run=server", "-f", str(example), "-o", "json")

    kinds = {item["kind"] for item in json.loads(said).get("items", [json.loads(said)])}
    assert "Runbook" in kinds
    assert (example / "README.md").exists()
