"""Writes what of the chart is generated; with --check it says what is out of date instead, and writes nothing."""

import argparse
import re
import sys
from pathlib import Path

from runbook_operator import __version__
from tools.chart import CHART, ROOT, crds, dashboard, kinds, roles, schema
from tools.chart.values import values_model

BEGIN, END = "<!-- values: begin -->", "<!-- values: end -->"


def files(chart: Path = CHART) -> dict[Path, str]:
    """Every generated file with what it should be."""
    model = values_model()
    templates = crds.templates(ROOT / "crds") | {"roles.yaml": roles.template(), "_kinds.tpl": kinds.template()}
    made = {chart / "templates" / name: text for name, text in templates.items()}
    readme, about = chart / "README.md", chart / "Chart.yaml"
    return made | {
        chart / "files" / "dashboard.json": dashboard.text(),
        chart / "values.yaml": schema.values_text(model),
        chart / "values.schema.json": schema.schema_text(model),
        about: with_version(about.read_text(), __version__),
        readme: with_table(readme.read_text(), schema.table(model)),
    }


def with_table(page: str, table: str) -> str:
    """The page with the table between its marks."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{table}\n{END}{tail}"


def with_version(about: str, version: str) -> str:
    """Chart.yaml with this version of the chart, and of the operator that it installs."""
    return re.sub(r"^(version|appVersion): .*$", rf"\g<1>: {version}", about, flags=re.MULTILINE)


def stale(wanted: dict[Path, str], chart: Path = CHART) -> list[Path]:
    """The files that are missing or other than wanted, and the CRDs' templates that are one too many."""
    differ = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    return differ + [path for path in sorted((chart / "templates").glob("crd-*.yaml")) if path not in wanted]


def main() -> int:
    """Write or check; returns 1 where something was out of date and was only to be checked."""
    parser = argparse.ArgumentParser(prog="python -m tools.chart", description=__doc__)
    parser.add_argument("--check", action="store_true", help="say what is out of date, and write nothing")
    check: bool = parser.parse_args().check
    wanted = files()
    found = stale(wanted)
    for path in found:
        if check:
            print(f"{path.relative_to(ROOT)} is out of date: run make chart")
        elif path in wanted:
            path.write_text(wanted[path])
        else:
            path.unlink()
    return 1 if check and found else 0


if __name__ == "__main__":
    sys.exit(main())
