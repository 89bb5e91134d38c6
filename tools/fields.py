"""The text of docs/reference/fields.md, made from the models; a test holds the page to them."""

from pathlib import Path
from typing import Any

from runbook_operator.api.crd_generation import structural
from runbook_operator.api.registered_kinds import RESOURCE_KINDS
from runbook_operator.api.resource_kind import ResourceKind
from tools.reference import rows, words
from tools.wrapping import wrapped

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "fields.md"
HEAD = """# Fields

Every field of the custom resources, with its type, default and meaning. `[]` stands for an entry of a list. The
actions below `killSwitches[].actions[]` have a page of their own: [actions.md](actions.md). `kubectl explain
runbook.spec` has the same texts. This page is made from the code by `make docs`.
"""
TABLE = "\n| field | type | meaning |\n| --- | --- | --- |\n"
OF_ACTIONS = "killSwitches[].actions[]."


def page() -> str:
    """The whole page."""
    return wrapped(HEAD + "".join(map(_kind, RESOURCE_KINDS.values())))


def _kind(kind: ResourceKind) -> str:
    return _part(kind, "spec", structural(kind.spec)) + _part(kind, "status", structural(kind.status))


def _part(kind: ResourceKind, part: str, schema: dict[str, Any]) -> str:
    found = [(name, shape, text) for name, shape, text in rows(schema, "") if not _is_of_an_action(name)]
    lines = "".join(f"| `{name}` | {shape} | {_cell(text)} |\n" for name, shape, text in found)
    return f"\n## {kind.kind}.{part}\n\n{_cell(words(schema.get('description')))}\n{TABLE}{lines}"


def _is_of_an_action(name: str) -> bool:
    return name.startswith(OF_ACTIONS) and name != f"{OF_ACTIONS}timeout"


def _cell(text: str) -> str:
    """The text without what would end a cell of a table."""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
