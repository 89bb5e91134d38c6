"""Makes what is published of a version: `python -m tools.release [FOLDER]`, dist/ unless another is named.

The same sources make the same files, byte by byte: nothing of the clock, of the machine or of a network is in them.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import yaml

from lab import build
from lab.layout import here
from runbook_operator import __version__
from tools.chart import ROOT, package

NAME = "runbook-operator"
SUMS = "SHA256SUMS"
UV = Path(sys.executable).with_name("uv")
SBOM_SEED = uuid.uuid5(uuid.NAMESPACE_URL, "https://runbooks.dev/sbom")
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME}}


def release(folder: Path) -> list[Path]:
    """Make every file anew; returns them, the sums last. Raises SystemExit where a tool refuses."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        made = [make(Path(scratch)) for make in MAKERS]
        made.append(sums(made, Path(scratch)))
        return [path.replace(folder / path.name) for path in made]


def wheel(folder: Path) -> Path:
    """By the locked backend itself: an isolated build would fetch the newest."""
    _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder))
    (path,) = folder.glob("*.whl")
    return path


def chart(folder: Path) -> Path:
    return package.package(folder)


def install(folder: Path) -> Path:
    """What the chart installs by its defaults, for those who use no Helm; hooks are Helm's alone."""
    options = ["--namespace", NAME, "--no-hooks", "--skip-tests"]
    manifests = _run("helm", "template", NAME, str(package.package(folder)), *options)
    return _written(folder / "install.yaml", yaml.safe_dump(NAMESPACE) + manifests)


def crds(folder: Path) -> Path:
    texts = [path.read_text() for path in sorted((ROOT / "crds").glob("*.yaml"))]
    return _written(folder / "crds.yaml", "---\n".join(texts))


def sbom(folder: Path) -> Path:
    """What the wheel needs at run time, as locked; the number and the time that uv makes up are made of the content."""
    options = ["--frozen", "--no-dev", "--preview-features", "sbom-export", "--format", "cyclonedx1.5", "--quiet"]
    document = json.loads(_run(str(UV), "export", *options))
    del document["serialNumber"]
    document["metadata"]["timestamp"] = datetime.fromtimestamp(epoch(), UTC).isoformat()
    seed = json.dumps(document, sort_keys=True)
    document["serialNumber"] = uuid.uuid5(SBOM_SEED, seed).urn
    return _written(folder / f"{NAME}-{__version__}.cdx.json", json.dumps(document, indent=2) + "\n")


def sums(files: list[Path], folder: Path) -> Path:
    """As `sha256sum --check` reads it."""
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    return _written(folder / SUMS, "".join(lines))


MAKERS: tuple[Callable[[Path], Path], ...] = (wheel, chart, install, crds, sbom)


def epoch() -> int:
    """The time that files of a release have: SOURCE_DATE_EPOCH, else always the same."""
    return int(os.environ.get("SOURCE_DATE_EPOCH", package.EPOCH))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "dist")
    folder: Path = parser.parse_args().folder
    if shutil.which("helm") is None:
        build.ensure(here())
        os.environ["PATH"] = os.pathsep.join([str(here().bin), os.environ["PATH"]])
    for path in release(folder):
        print(path)
    return 0


def _run(*command: str) -> str:
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(epoch())}
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"release: {' '.join(command)}\n{done.stderr}")
    return done.stdout


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


if __name__ == "__main__":
    sys.exit(main())
