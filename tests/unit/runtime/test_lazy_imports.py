"""What is imported without being run, and what the operator's start leaves out by it."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from runbook_operator.runtime.lazy_imports import lazily

START = """
import sys
from importlib.util import _LazyModule
from runbook_operator.__main__ import _root
_root()
print(*(name for name, module in sys.modules.items() if type(module) is not _LazyModule))
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package that imports a module of its own, which leaves a file where it is run."""
    package = tmp_path / "lazy_library"
    package.mkdir()
    (package / "__init__.py").write_text("from . import unused\n")
    (package / "unused.py").write_text("from pathlib import Path\nPath(__file__).with_name('run').touch()\nvalue = 8\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("lazy_library", "lazy_library.unused"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return "lazy_library"


def test_lazy_module_runs_at_first_use(library: str, tmp_path: Path) -> None:
    with lazily(f"{library}.unused"):
        package = import_module(library)

    assert not (tmp_path / library / "run").exists()
    assert package.unused.value == 8
    assert (tmp_path / library / "run").exists()


def test_module_imported_after_the_lazy_block_runs_at_once(library: str, tmp_path: Path) -> None:
    with lazily(f"{library}.unused"):
        pass
    import_module(library)

    assert (tmp_path / library / "run").exists()


def test_missing_module_raises_as_usual() -> None:
    with lazily("no_such_library"), pytest.raises(ModuleNotFoundError):
        import_module("no_such_library")


def test_operator_starts_without_unused_client_libraries() -> None:
    done = subprocess.run([sys.executable, "-c", START], text=True, capture_output=True, check=True)
    loaded = set(done.stdout.split())

    assert {"kopf", "kubernetes.aio.client", "aiohttp"} <= loaded
    assert not loaded & {"requests", "requests_oauthlib", "oauthlib", "urllib3", "websocket", "charset_normalizer"}
    assert "kubernetes.aio.client.models" not in loaded
    assert "jsonpatch" not in loaded
