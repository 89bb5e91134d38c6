"""docs/architecture.md and the packages agree: names, files and purity."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from runbook_operator import sources
from runbook_operator.api.registered_kinds import RESOURCE_KINDS
from runbook_operator.controller.registered_controllers import CONTROLLERS
from runbook_operator.monitoring import backends

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "operator" / "runbook_operator"
PAGE = (ROOT / "docs" / "architecture.md").read_text()
ROWS = re.findall(r"^\| (`.+`) \| .+ \| (yes)? ?\|$", PAGE, re.MULTILINE)
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
PURE = next(one["source_modules"] for one in CONTRACTS if one["name"] == "the core is pure")


def packages(*, pure: bool) -> set[str]:
    return {name for names, yes in ROWS for name in re.findall(r"`([\w/]+)`", names) if bool(yes) == pure}


def test_each_module_name_exists_once() -> None:
    names = Counter(path.name for path in PACKAGE.rglob("*.py") if not path.name.startswith("__"))

    assert [name for name, times in names.items() if times > 1] == []


def test_page_lists_every_package() -> None:
    found = {path.parent.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*/__init__.py")}

    assert packages(pure=True) | packages(pure=False) == found - {"actions/scaling", "actions/traffic"}


def test_page_lists_the_pure_packages_of_the_contract() -> None:
    assert packages(pure=True) == {name.split(".")[1] for name in PURE}


def test_every_file_named_on_the_page_exists() -> None:
    paths = re.findall(r"`([\w/]+\.py)`", PAGE) + [f"{name}.py" for name in re.findall(r'\["(\w+/[\w/]+)"\]', PAGE)]
    named = [path for path in paths if "NAME" not in path and "/" in path]

    assert len(named) > 20
    assert [path for path in named if not ((PACKAGE / path).exists() or (ROOT / path).exists())] == []


def files_of(what: str, module: str) -> list[Path]:
    """The files that the row of this extension names, for the extension of this module."""
    (row,) = re.findall(rf"^\| {what} \| (.+) \|$", PAGE, re.MULTILINE)
    names = [one.replace("NAME", module) for one in re.findall(r"`([\w./-]+\.\w+)`", row)]
    return [PACKAGE / name if (PACKAGE / name).exists() else ROOT / name for name in names]


@pytest.mark.parametrize("kind", sorted(sources.REGISTRY))
def test_source_of_numbers_consists_of_the_files_that_the_page_names(kind: str) -> None:
    code, *others = files_of("a source of numbers", sources.REGISTRY[kind].__module__.rpartition(".")[2])

    assert f'kind = "{kind}"' in code.read_text()
    assert [str(path) for path in others if kind not in path.read_text()] == []


@pytest.mark.parametrize("kind", sorted(backends.REGISTRY))
def test_metric_backend_consists_of_the_files_that_the_page_names(kind: str) -> None:
    code, *others = files_of("a metric backend", backends.REGISTRY[kind].__module__.rpartition(".")[2])

    assert f'kind = "{kind}"' in code.read_text()
    assert [str(path) for path in others if kind not in path.read_text().lower()] == []


def test_no_other_module_names_the_second_metric_backend() -> None:
    assert [path.name for path in PACKAGE.rglob("*.py") if "influxdb" in path.read_text()] == ["influxdb.py"]


def test_every_registered_kind_has_the_files_that_the_page_names_and_a_controller() -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith("| a kind |")]
    named = [path for path in re.findall(r"`([\w/]+\.py)`", row) if "NAME" in path]

    assert named == ["api/NAME_kind.py", "controller/NAME_controller.py"]
    for _, kind in RESOURCE_KINDS:
        assert [path for path in named if not (PACKAGE / path.replace("NAME", kind.lower())).exists()] == []
    assert CONTROLLERS.keys() == {kind for _, kind in RESOURCE_KINDS}


def test_only_the_registry_of_controllers_names_all_kinds() -> None:
    kinds = [kind for _, kind in RESOURCE_KINDS]
    found = (path for path in PACKAGE.rglob("*.py") if all(f'"{kind}"' in path.read_text() for kind in kinds))

    assert {path.relative_to(PACKAGE).as_posix() for path in found} == {
        "controller/registered_controllers.py",
        # A new Switch has an owner reference to its Runbook.
        "controller/own_object_writer.py",
        # The document has headings of these words.
        "incidents/postmortem.py",
    }
