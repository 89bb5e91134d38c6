"""Packages the chart by the real helm: with the operator's version, and with what Artifact Hub shows of it."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from runbook_operator import __version__
from runbook_operator.api.registered_kinds import RESOURCE_KINDS
from tools.chart import CHART, ROOT

EPOCH = "1577836800"
"""The time of all files where SOURCE_DATE_EPOCH says none: the same sources make the same package, byte by byte."""
KINDS = {one.kind: one for one in RESOURCE_KINDS.values()}
EXAMPLE = ROOT / "examples" / "01-first-switch"


def package(folder: Path, version: str = __version__) -> Path:
    """Put the package into the folder; returns its path, raises CalledProcessError where helm refuses the chart."""
    numbers = [f"--version={version}", f"--app-version={version}"]
    environment = {"SOURCE_DATE_EPOCH": EPOCH} | os.environ
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch) / CHART.name
        shutil.copytree(CHART, staged)
        about = staged / "Chart.yaml"
        about.write_text(_with(about.read_text(), annotations(version)))
        command = ["helm", "package", str(staged), *numbers, f"--destination={folder}"]
        subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return folder / f"{CHART.name}-{version}.tgz"


def annotations(version: str) -> dict[str, str]:
    """What Artifact Hub shows of this version, each a text of YAML."""
    image = yaml.safe_load((CHART / "values.yaml").read_text())["image"]["repository"]
    found: dict[str, Any] = {
        "crds": list(_crds()),
        "crdsExamples": list(_examples()),
        "changes": changes((ROOT / "CHANGELOG.md").read_text(), version),
        "images": [{"name": CHART.name, "image": f"{image}:{version}"}],
    }
    return {f"artifacthub.io/{name}": yaml.safe_dump(one, sort_keys=False) for name, one in found.items()}


def changes(changelog: str, version: str) -> list[str]:
    """The entries of this version, or of the newest one."""
    sections = dict(re.findall(r"^## \[?([^\]\s]+)[^\n]*\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL))
    text = sections.get(version) or next(iter(sections.values()))
    entries = re.findall(r"^- (.*?)(?=^(?:- |#|[A-Z])|\Z)", text, re.MULTILINE | re.DOTALL)
    return [" ".join(entry.split()) for entry in entries]


def _crds() -> Iterator[dict[str, str]]:
    for path in sorted((ROOT / "crds").glob("*.yaml")):
        spec = yaml.safe_load(path.read_text())["spec"]
        kind, version = spec["names"]["kind"], spec["versions"][-1]["name"]
        yield {
            "kind": kind,
            "version": version,
            "name": f"{spec['names']['plural']}.{spec['group']}",
            "displayName": kind,
            "description": KINDS[kind].summary,
        }


def _examples() -> Iterator[dict[str, Any]]:
    for path in sorted(EXAMPLE.glob("*.yaml")):
        yield from (one for one in yaml.safe_load_all(path.read_text()) if one["kind"] in KINDS)


def _with(about: str, more: dict[str, str]) -> str:
    chart = yaml.safe_load(about)
    chart["annotations"] |= more
    return yaml.safe_dump(chart, sort_keys=False)
