"""Which Python is measured."""

import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import facts, installed


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the system has its Python; there is none yet."""
    path = tmp_path / "python3"
    monkeypatch.delenv("PYTHON", raising=False)
    monkeypatch.setattr(installed, "SYSTEM", (path,))
    installed.interpreter.cache_clear()
    return path


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    installed.interpreter.cache_clear()


def python(path: Path, version: str) -> str:
    """One that only says its version."""
    path.write_text(f"#!/bin/sh\necho Python {version}\n")
    path.chmod(0o755)
    return str(path)


def test_system_python_of_the_image_version_is_used(system: Path) -> None:
    path = python(system, "3.13.5")

    assert installed.interpreter() == (path, "3.13.5")
    assert facts.versions(installed.interpreter()[1])["python"] == "3.13.5"


@pytest.mark.parametrize("version", ["3.9.2", None])
def test_missing_or_old_system_python_falls_back_to_the_current_one(system: Path, version: str | None) -> None:
    if version:
        python(system, version)

    assert installed.interpreter() == (sys.executable, platform.python_version())


def test_python_variable_selects_the_interpreter(system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python(system, "3.13.5")
    monkeypatch.setenv("PYTHON", python(tmp_path / "mine", "3.14.0rc1"))

    assert installed.interpreter() == (str(tmp_path / "mine"), "3.14.0rc1")
