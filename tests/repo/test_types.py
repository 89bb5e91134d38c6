"""mypy rejects a misspelt or mistyped field of a model's `replace`."""

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = """
from runbook_operator.api.switch import FieldRecord, Record

def changed(record: Record, entry: FieldRecord) -> Record:
    return record.replace({change})
"""


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A module beside the project, which mypy reads with the project's own settings."""
    return tmp_path / "changed.py"


def complaints(module: Path, change: str) -> str:
    module.write_text(SOURCE.format(change=change))
    # In a process of its own: what mypy keeps is some hundred MB.
    mypy = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", str(module)]
    return subprocess.run(mypy, text=True, capture_output=True, check=False).stdout


def test_known_field_of_its_type_passes(module: Path) -> None:
    assert "Success" in complaints(module, "actions=[entry]")


def test_misspelt_field_is_an_error(module: Path) -> None:
    assert 'Unexpected keyword argument "actons"' in complaints(module, "actons=[entry]")


def test_value_of_another_type_is_an_error(module: Path) -> None:
    assert 'Argument "done" to "replace"' in complaints(module, "done=3")
