"""What docs/security.md promises: the tests that it names are there, and the operator runs nothing that it reads."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "security.md"
SOURCES = sorted((ROOT / "operator" / "runbook_operator").rglob("*.py"))
PUBLISHED = {
    *("CVE-2026-22039", "CVE-2026-41068", "GHSA-79gf-7frw-68m9", "CVE-2026-4789", "CVE-2026-41323", "keda#7697"),
    *("keda#7782", "argo-rollouts#4707", "grafana-operator#2667", "cert-manager#8756", "kubevela#7103"),
    *("argo-events#4030", "GHSA-fcxq-v2r3-cc8h", "GHSA-77v3-r3jw-j2v2", "CVE-2026-42875", "CVE-2024-45041"),
    *("CVE-2025-29781", "CVE-2021-41254", "CVE-2022-24817", "CVE-2022-24877", "CVE-2020-8555", "CVE-2025-13281"),
    "CVE-2026-31892",
}
"""What peers have had to publish, or were reported, until the page was written."""
STARTING = {"subprocess", "pty", "multiprocessing", "ctypes", "pickle", "marshal", "shelve", "code", "runpy"}
RUNNING = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "system",
    "popen",
    "execv",
    "execve",
    "fork",
    "spawnv",
    "posix_spawn",
}
UNSAFE = {"unsafe_load", "unsafe_load_all", "full_load", "full_load_all", "UnsafeLoader", "FullLoader", "Loader"}


def rows() -> list[str]:
    """The rows of the page's tables, without their heads."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return [line for line in lines if not re.match(r"\| (---|what )", line)]


def named(row: str) -> list[tuple[str, str]]:
    """The tests of a row: file and function."""
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text()) if path.exists() else ast.Module([], [])
    return {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_row_about_an_attack_names_existing_tests() -> None:
    known = {file: functions(ROOT / file) for row in rows() for file, _ in named(row)}

    assert [row for row in rows() if not named(row)] == []
    assert [f"{file}::{name}" for row in rows() for file, name in named(row) if name not in known[file]] == []


def test_every_published_attack_has_a_row() -> None:
    text = "".join(rows())

    assert {one for one in PUBLISHED if one not in text} == set()


def test_operator_starts_no_program_and_evaluates_no_text() -> None:
    assert list(suspicious()) == []


def suspicious() -> Iterator[str]:
    """Imports and calls by which what is read could become what is run, and loaders of YAML that are not safe."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            where = f"{path.name}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import):
                yield from (f"{where} {one.name}" for one in node.names if one.name.split(".")[0] in STARTING)
            elif isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in STARTING:
                yield f"{where} {node.module}"
            elif isinstance(node, ast.Call) and _runs(node.func):
                yield f"{where} {ast.unparse(node.func)}"
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "yaml" and node.attr in UNSAFE:
                yield f"{where} {ast.unparse(node)}"


def _runs(called: ast.expr) -> bool:
    if isinstance(called, ast.Name):
        return called.id in RUNNING
    return isinstance(called, ast.Attribute) and ast.unparse(called.value) == "os" and called.attr in RUNNING
