"""Each function that asks for reads by an exception has that in its docstring, since no signature shows it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from runbook_operator.core.queries import NeedsRead

SOURCES = sorted((Path(__file__).resolve().parents[2] / "operator" / "runbook_operator").rglob("*.py"))


def raising(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Yield the functions with a raise of NeedsRead in their own body."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            raised = (one.exc for one in ast.walk(function) if isinstance(one, ast.Raise))
            calls = (one.func for one in raised if isinstance(one, ast.Call))
            if any(isinstance(one, ast.Name) and one.id == NeedsRead.__name__ for one in calls):
                yield function


def test_function_that_raises_reads_has_them_in_its_docstring() -> None:
    found = [(path.name, one) for path in SOURCES for one in raising(ast.parse(path.read_text()))]

    assert len(found) > 10
    assert [
        f"{name}:{one.name}" for name, one in found if NeedsRead.__name__ not in (ast.get_docstring(one) or "")
    ] == []
