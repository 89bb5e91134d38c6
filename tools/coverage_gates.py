"""Fail where the test coverage of a package is below its row of `[tool.runbook.coverage]` in pyproject.toml.

`make test-fast` runs it on the data that the tests left. `--raise` writes higher rows for packages that have more now;
no option lowers one. A file belongs to the longest row that its package begins with, and to "." where there is none.
"""

import argparse
import json
import re
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import coverage

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = ROOT / "pyproject.toml"
PACKAGE = "operator/runbook_operator/"
REST = "."


@dataclass
class Counted:
    """Statements and branches of a row's files, those that ran, and the lines that did not, by file."""

    wanted: int = 0
    ran: int = 0
    missing: dict[str, list[int]] = field(default_factory=dict)

    @property
    def percent(self) -> float:
        return 100.0 * self.ran / self.wanted if self.wanted else 100.0

    def add(self, name: str, file: Mapping[str, Any]) -> None:
        summary = file["summary"]
        self.wanted += summary["num_statements"] + summary["num_branches"]
        self.ran += summary["covered_lines"] + summary["covered_branches"]
        lines = {*file["missing_lines"], *(abs(start) for start, _ in file["missing_branches"])}
        if lines:
            self.missing[name] = sorted(lines)


def row_of(name: str, rows: Iterable[str]) -> str:
    """Return the longest row whose package contains the file; "." if there is none."""
    package = name.removeprefix(PACKAGE).removesuffix(".py").replace("/", ".")
    fitting = [row for row in rows if package.startswith(f"{row}.")]
    return max(fitting, key=len, default=REST)


def counted(files: Mapping[str, Mapping[str, Any]], rows: Iterable[str]) -> dict[str, Counted]:
    found: defaultdict[str, Counted] = defaultdict(Counted)
    known = list(rows)
    for name, file in files.items():
        found[row_of(name, known)].add(name, file)
    return dict(found)


def failures(found: Mapping[str, Counted], rows: Mapping[str, float]) -> list[str]:
    """Return a line for each package below its row, and one for each of its files with the lines that did not run."""
    lines: list[str] = []
    for row, least in rows.items():
        package = found.get(row, Counted())
        if package.percent < least:
            lines.append(f"{row}: {package.percent:.2f} %, at least {least:g} % is required")
            lines += [f"  {name}: {', '.join(map(str, missing))}" for name, missing in package.missing.items()]
    return lines


def raised(text: str, found: Mapping[str, Counted], rows: Mapping[str, float]) -> str:
    """Return pyproject.toml with the row of each package raised to the whole percent that it has now."""
    for row, least in rows.items():
        now = int(found.get(row, Counted()).percent)
        if now > least:
            text = re.sub(rf'^("?{re.escape(row)}"?) = {least:g}$', rf"\g<1> = {now}", text, flags=re.MULTILINE)
    return text


def measured() -> dict[str, Any]:
    """Return the files of the report on `.coverage`."""
    data = coverage.Coverage(config_file=str(PYPROJECT), data_file=str(ROOT / ".coverage"))
    data.load()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        data.json_report(outfile=str(report))
        return dict(json.loads(report.read_text())["files"])


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--raise", dest="raises", action="store_true", help="raise the rows to what was measured")
    options = parser.parse_args(arguments)
    rows = tomllib.loads(PYPROJECT.read_text())["tool"]["runbook"]["coverage"]
    found = counted(measured(), rows)
    if options.raises:
        PYPROJECT.write_text(raised(PYPROJECT.read_text(), found, rows))
    lines = failures(found, rows)
    print("\n".join(lines or [f"coverage: {len(rows)} packages, each at its row or above"]))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
