"""The environment that an image has: what is installed with the operator, and nothing that only its development needs.

Libraries take more along where they find it: with the linter's rich, structlog's import alone is 5 MB larger.
"""

import os
import platform
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

from bench.scene import ROOT
from lab.layout import here

UV = Path(sys.executable).with_name("uv")
SYSTEM = (Path("/usr/local/bin/python3"), Path("/usr/bin/python3"))
"""Where images and distributions have theirs, built with profile-guided optimization as that of the operator's image.

One that was compiled with the defaults, as pyenv compiles, takes half as long again for the same work.
"""


@cache
def interpreter() -> tuple[str, str]:
    """What Python is measured, and its version: PYTHON, else the system's unless it is too old, else what runs this."""
    asked = os.environ.get("PYTHON")
    for path in (asked,) if asked else tuple(map(str, filter(Path.exists, SYSTEM))):
        said = subprocess.run([path, "--version"], text=True, capture_output=True, check=True).stdout
        version = said.removeprefix("Python ").strip()
        if asked or tuple(map(int, version.split(".")[:2])) >= _oldest():
            return path, version
    return sys.executable, platform.python_version()


def _oldest() -> tuple[int, ...]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return tuple(map(int, project["requires-python"].removeprefix(">=").split(".")))


@cache
def python() -> str:
    """The interpreter of the environment, which is installed where it is not there yet."""
    environment = here().home / "installed"
    command = [str(UV), "sync", "--quiet", "--locked", "--no-dev", "--python", interpreter()[0]]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"UV_PROJECT_ENVIRONMENT": str(environment)}, check=True)
    return str(environment / "bin" / "python")


def environment() -> dict[str, str]:
    """What a process is told: Python starts from compiled files, and takes memory, as it does in the image."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    memory = re.findall(r"(MALLOC_\w+)=(\w+)", (ROOT / "Dockerfile").read_text())
    return kept | dict(memory) | {"PYTHONPYCACHEPREFIX": str(here().home / "pycache")}
