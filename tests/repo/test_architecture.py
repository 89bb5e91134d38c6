"""docs/architecture.md and the packages agree: names, files and purity."""

import re
import tomllib
from collections import Counter
from pathlib import Path

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
