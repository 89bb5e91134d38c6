"""Every field that users write is read by the operator, or its description says that it is shown only."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from runbook_operator import actions, sources
from runbook_operator.api.action_union import SwitchAction
from runbook_operator.api.monitoring_spec import Metric
from runbook_operator.api.override import SwitchSpec
from runbook_operator.api.runbook import RunbookSpec
from runbook_operator.core.model_base import ApiModel
from tests.repo.mypy_reads import NOTES

ROOT = Path(__file__).resolve().parents[2]
SHOWN_ONLY = "Shown only"
BY_NAME: dict[type[ApiModel], set[str]] = {
    # Read by the name of the action, of the source and of the role of a threshold.
    SwitchAction: set(actions.REGISTRY),
    # A change of it raises metadata.generation, which is read.
    SwitchSpec: {"renewed_at"},
    Metric: {*sources.REGISTRY, "normal", "warning", "critical"},
}
OF_ANY_ACTION = {"target", "contact", "roll_forward_on_release"}
"""Read by `getattr` of whichever action or source it is."""


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """What mypy sees the operator read: the path of the file, and `module.Class.attribute`."""
    folder = tmp_path_factory.mktemp("reads")
    mine, usual = ROOT / "tests" / "repo" / "mypy_reads.py", ROOT / "tools" / "mypy_replace.py"
    settings = (ROOT / "pyproject.toml").read_text().replace('"tools/mypy_replace.py"', f'"{usual}", "{mine}"')
    (folder / "pyproject.toml").write_text(settings)
    mypy = [sys.executable, "-m", "mypy", "--config-file", str(folder / "pyproject.toml"), "--cache-dir", os.devnull]
    done = subprocess.run(
        [*mypy, "operator/runbook_operator"],
        cwd=ROOT,
        env=os.environ | {NOTES: str(folder / "notes")},
        text=True,
        capture_output=True,
        check=False,
    )
    assert "Success" in done.stdout, done.stdout
    return [line.split() for line in (folder / "notes").read_text().splitlines()]


def models(annotation: Any) -> Iterator[type[ApiModel]]:
    """The models of a field's type, and of their fields in turn."""
    if isinstance(annotation, type) and issubclass(annotation, ApiModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
    for part in get_args(annotation):
        yield from models(part)


def written() -> set[type[ApiModel]]:
    """Every model that users write, but for those that are handed to the API server as a whole."""
    specs = [*(one.Spec for one in actions.REGISTRY.values()), *(one.Spec for one in sources.REGISTRY.values())]
    every = {model for root in (RunbookSpec, SwitchSpec, *specs) for model in models(root)}
    return {model for model in every if model.model_config.get("extra") != "allow"}


def is_read(model: type[ApiModel], name: str, reads: set[str]) -> bool:
    """Whether it is read of the model itself, of what it inherits from, or of what inherits from it."""
    kin = (*model.__mro__, *(one for one in written() if issubclass(one, model)))
    return any(f"{one.__module__}.{one.__qualname__}.{name}" in reads for one in kin)


def test_unread_field_is_described_as_shown_only(reads: list[list[str]]) -> None:
    found = {attribute for _, attribute in reads}
    needed = {
        f"{model.__name__}.{name}": field.description or ""
        for model in written()
        for name, field in model.model_fields.items()
        if name not in BY_NAME.get(model, OF_ANY_ACTION) and not is_read(model, name, found)
    }

    assert {"Dependency.purpose", "SeverityLevel.examples"} <= needed.keys()
    assert sorted(name for name, text in needed.items() if not text.startswith(SHOWN_ONLY)) == []


def test_field_described_as_shown_only_is_read_only_in_the_models(reads: list[list[str]]) -> None:
    found = {attribute for path, attribute in reads if "/api/" not in path}

    assert [
        f"{model.__name__}.{name}"
        for model in written()
        for name, field in model.model_fields.items()
        if (field.description or "").startswith(SHOWN_ONLY) and is_read(model, name, found)
    ] == []
