"""docs/reference/reasons.md has one row for each reason that the operator can give, and no other row."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from runbook_operator.api.deployment_guard_spec import Verdict
from runbook_operator.api.monitoring_spec import Level
from runbook_operator.api.switch import Result
from runbook_operator.core import samples
from runbook_operator.core.reasons import Reason
from runbook_operator.egress import egress_guard, grpc_health, health_protocols
from runbook_operator.kube import errors
from tests.repo.reasons import Package, package

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "reasons.md"
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
CONDITIONS, WATCHED = "Conditions, Events, remarks and failures", "What is watched"
VISITS, REQUESTS = "Results of a visit", "Results of a request to a metric source"
RESULTS, LEVELS = "Results of an action", "Levels and verdicts"


def tables() -> dict[str, list[str]]:
    """The reasons of each section of the page, in order."""
    _, *sections = re.split(r"^## (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    return {
        title: [row[0] for row in ROW.findall(text)] for title, text in zip(sections[::2], sections[1::2], strict=True)
    }


def classes(kind: type[errors.OperatorError]) -> Iterator[type[errors.OperatorError]]:
    yield kind
    for one in kind.__subclasses__():
        yield from classes(one)


def watched(found: Package) -> set[str]:
    """The reasons of readings: those written as plain strings, and each status of a check that is not well."""
    answers = (*grpc_health.HEALTH.values(), *grpc_health.CODES.values(), grpc_health.OTHER_CODE)
    checked = {
        *map(str, egress_guard.Fault),
        health_protocols.NO_MATCH,
        *(status for well, status in answers if not well),
    }
    # These end a visit or the process, and no reading.
    ends = {errors.UnsettledError.reason, errors.NotLeadingError.reason, errors.CannotListenError.reason}
    return (found.reasons() | checked) - ends


def expected() -> dict[str, set[str]]:
    found = package()
    return {
        CONDITIONS: set(map(str, Reason)),
        WATCHED: watched(found),
        # A process that cannot listen ends before any visit.
        VISITS: {kind.reason for kind in classes(errors.OperatorError) if kind is not errors.CannotListenError}
        | found.assigned("result"),
        REQUESTS: {"Answered", *get_args(samples.Kind)},
        RESULTS: set(get_args(Result)),
        LEVELS: {*get_args(Level), *get_args(Verdict)},
    }


@pytest.mark.parametrize("section", [CONDITIONS, WATCHED, VISITS, REQUESTS, RESULTS, LEVELS])
def test_each_reason_has_one_row_and_each_row_a_reason(section: str) -> None:
    rows, reasons = tables()[section], expected()[section]

    assert sorted(reasons - set(rows)) == [], "these reasons have no row"
    assert sorted(set(rows) - reasons) == [], "no code gives these reasons"
    assert len(rows) == len(set(rows)), "a reason has two rows"


def test_every_table_line_is_a_row_in_the_format_of_the_page() -> None:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]

    assert [line for line in lines if not ROW.fullmatch(line)] == []


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ('Reading(reason="Late")', {"Late"}),
        ('class Err(Exception):\n    reason = "Gone"', {"Gone"}),
        ('class E(Exception):\n    def __init__(self, reason, text): ...\nraise E("Lost", "x")', {"Lost"}),
        ('WORDS = {"a": "Down", "b": "Up"}\nReading(reason=WORDS[kind])', {"Down", "Up"}),
        (
            'class W:\n    reason: str\n    text: str\nsaid = partial(W, text="x")\nsaid("Bad" if x else "Fine")',
            {"Bad", "Fine"},
        ),
        ('reason, message = "Odd", f"{x}"', {"Odd"}),
        ('reason, message = ("Odd", "x") if y else ("", "")', {"Odd"}),
        ('reason = "a sentence is no reason"', set()),
        ("reason = Reason.READY", set()),
    ],
)
def test_reason_is_found_in_every_notation(text: str, reasons: set[str]) -> None:
    assert Package([text]).reasons() == reasons
