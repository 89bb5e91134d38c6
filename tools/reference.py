"""Writes docs/reference/actions.md from the actions themselves; a test holds the page to them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runbook_operator.actions import REGISTRY, Action
from runbook_operator.api.crd_generation import structural
from tools.wrapping import wrapped

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "actions.md"
HEAD = """# Actions

What a switch can do. Each entry of `actions` has exactly one of these, and may have a `timeout` (default 1m): how long
it may fail, take to be verified, or miss its target, before `Stalled` asks for a person. This page is made from the
code by `make docs`.

| action | does | a release gives back |
| --- | --- | --- |
"""


def page() -> str:
    """The whole page."""
    actions = sorted(REGISTRY.items())
    rows = "".join(_row(kind, one) for kind, one in actions)
    return wrapped(HEAD + rows + "".join(_section(kind, one) for kind, one in actions))


def _row(kind: str, action: type[Action]) -> str:
    return f"| [`{kind}`](#{kind.lower()}) | {words(action.__doc__)} | {action.reverts} |\n"


def _section(kind: str, action: type[Action]) -> str:
    fields = "".join(f"| `{name}` | {shape} | {text} |\n" for name, shape, text in rows(structural(action.Spec), ""))
    rights = "".join(
        f"- `{right.resource}`{f' ({right.group})' if right.group else ''}: {', '.join(right.verbs)}\n"
        for right in action.rights
    )
    role = f"runbook-operator-action-{kind.lower()}"
    return (
        f"\n## {kind}\n\n{words(action.__doc__)}\n\n| field | type | meaning |\n| --- | --- | --- |\n{fields}\n"
        f"Rights, as `runbook-operator rbac` prints them in the ClusterRole `{role}`:\n\n{rights}"
    )


def rows(schema: dict[str, Any], above: str) -> Iterator[tuple[str, str, str]]:
    """Path, type and meaning of each field below the schema."""
    for name, field in schema.get("properties", {}).items():
        required = name in schema.get("required", ())
        yield above + name, _shape(field, required=required), words(field.get("description"))
        yield from rows(field, f"{above}{name}.")
        if field.get("type") == "array":
            yield from rows(field["items"], f"{above}{name}[].")


def _shape(field: dict[str, Any], *, required: bool) -> str:
    shape = field.get("type") or ("integer or string" if "x-kubernetes-int-or-string" in field else "any")
    if "enum" in field or "enum" in field.get("items", {}):
        shape = " or ".join(f"`{one}`" for one in field.get("enum") or field["items"]["enum"])
    default = f", default `{field['default']}`" if "default" in field else ""
    return f"{shape}{', required' if required else default}"


def words(text: str | None) -> str:
    """The text on one line."""
    return " ".join((text or "").split())


if __name__ == "__main__":
    PAGE.write_text(page())
