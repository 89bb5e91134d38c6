"""Names of definitions use the words of the glossary, and no retired one."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "operator" / "runbook_operator"
SECTION = (ROOT / "docs" / "glossary.md").read_text().partition("## Retired words in names")[2]
ROWS = [[cell.strip() for cell in line.split("|")[1:4]] for line in re.findall(r"^\| .*$", SECTION, re.MULTILINE)][2:]
RETIRED = [word for retired, _, _ in ROWS for word in retired.split(", ")]
EXCEPTIONS = {tuple(one) for _, _, text in ROWS for one in re.findall(r"`(\S+\.py): (\w+)`", text)}


def words(name: str) -> str:
    """The words of a name in snake_case or CamelCase, each between underscores."""
    return f"_{'_'.join(re.findall(r'[A-Z]+(?![a-z])|[A-Z]?[a-z]+', name)).lower()}_"


def defined(body: list[ast.stmt]) -> Iterator[str]:
    """The names that a module or class defines; of an enumeration also the values, as reasons have them."""
    for one in body:
        match one:
            case ast.Assign(targets=targets, value=value):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
                if isinstance(value, ast.Constant) and re.fullmatch(r"[A-Z][A-Za-z]+", str(value.value)):
                    yield str(value.value)
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def names(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    yield path.stem
    yield from defined(tree.body)
    for one in ast.walk(tree):
        if isinstance(one, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield one.name
        if isinstance(one, ast.ClassDef):
            yield from defined(one.body)


FOUND = {
    (path.relative_to(PACKAGE).as_posix(), name): words(name) for path in PACKAGE.rglob("*.py") for name in names(path)
}


@pytest.mark.parametrize("retired", RETIRED)
def test_no_definition_has_a_retired_word(retired: str) -> None:
    found = {place for place, name in FOUND.items() if f"_{retired}_" in name}

    assert found - EXCEPTIONS == set()


@pytest.mark.parametrize(
    ("name", "expected"), [("put_back_at", "_put_back_at_"), ("PutBack", "_put_back_"), ("HTTPRoute", "_http_route_")]
)
def test_name_is_split_into_its_words(name: str, expected: str) -> None:
    assert words(name) == expected
