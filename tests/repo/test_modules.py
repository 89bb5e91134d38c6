"""The layout of the tests: no test module is a library of another, and fakes stand in one folder."""

import ast
from pathlib import Path

from tests.ordering import recorded

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
FAKES = TESTS / "fakes"


def test_no_module_imports_a_test_module() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted(TESTS.rglob("*.py"))
        for name in imported(path.read_text())
        if name.startswith("tests.") and any(part.startswith("test_") for part in name.split("."))
    ]

    assert found == []


def test_every_fake_says_what_it_leaves_out() -> None:
    documented = {path.name: ast.get_docstring(ast.parse(path.read_text())) or "" for path in FAKES.glob("*.py")}

    assert [name for name, text in documented.items() if "left out" not in text.lower()] == []


def test_no_test_module_defines_a_fake_api_server() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in sorted(TESTS.rglob("test_*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and any("Kube" in ast.unparse(base) for base in node.bases)
    ]

    assert found == []


def test_every_recorded_duration_is_of_an_existing_test() -> None:
    missing = [
        name
        for name in recorded()
        for path, _, function in [name.partition("::")]
        if not (ROOT / path).is_file() or f"def {function}(" not in (ROOT / path).read_text()
    ]

    assert missing == [], "run make durations, or rename the record with the test"


def imported(text: str) -> list[str]:
    """The modules and names that a module imports, each with its whole path."""
    return [
        name
        for node in ast.walk(ast.parse(text))
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [f"{node.module}.{one.name}" for one in node.names]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    ]
