"""Decisions read a query by the language of its metric source, and by no other."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from runbook_operator.api.monitoring_spec import Metric
from runbook_operator.api.parsing import parse_runbook
from runbook_operator.automation.desired_state import closed_gate
from runbook_operator.automation.effectiveness import judged_at
from runbook_operator.core.query_languages import QueryLanguage
from runbook_operator.core.reasons import Reason
from runbook_operator.monitoring.declared_monitors import patience_of, settle_of, watches
from runbook_operator.monitoring.promql import PROMQL, language_of
from tests.builders import Body, Simulation, runbook_body
from tests.watching import ERRORS, Watching, only, watching

MINUTE = timedelta(minutes=1)
WORDS = QueryLanguage(
    "Words",
    lookback=lambda query: len(query.split()) * MINUTE,
    settle=lambda query: (len(query.split()) - 1) * MINUTE,
    remark=lambda query, absent_is_zero: f"{query}, {absent_is_zero}" if "!" in query else "",
)
LANGUAGES = {"other": WORDS, "default": PROMQL}
METRIC: Body = {"name": "error-rate", "source": "other", "query": "a b [9m] d", "critical": "> 10%", "period": "15s"}


def test_source_that_is_not_configured_counts_as_promql() -> None:
    assert language_of({}, "other") is PROMQL
    assert language_of(LANGUAGES, "other") is WORDS


@pytest.mark.parametrize(("source", "settle"), [("other", 3 * MINUTE), ("default", 9 * MINUTE), ("none", 9 * MINUTE)])
def test_metric_settles_by_the_language_of_its_source(source: str, settle: timedelta) -> None:
    metric = Metric.model_validate(METRIC | {"source": source})

    assert settle_of(metric, LANGUAGES) == settle
    assert patience_of(metric, LANGUAGES) == settle + timedelta(minutes=3, seconds=30)


@pytest.mark.parametrize(
    ("baseline", "problems"),
    [
        ("5m", []),
        ("4m", ["it must be longer than the 4m that the query itself looks back"]),
    ],
)
def test_baseline_is_compared_with_the_lookback_in_the_language_of_the_source(
    baseline: str, problems: list[str]
) -> None:
    declared = parse_runbook(runbook_body(metrics=[METRIC | {"baseline": baseline, "critical": "> 2x"}]))

    assert [one.message for one in watches(declared, LANGUAGES).problems] == problems


@pytest.mark.parametrize(
    ("rest", "remark"),
    [
        ({"query": "well > 1"}, ""),
        ({"query": "well!"}, "well!, False"),
        ({"query": "well!", "absent": "Zero"}, "well!, True"),
        ({"query": "well > 1", "source": "default"}, "the query ends in a comparison"),
    ],
)
def test_remark_about_a_query_is_of_the_language_of_its_source(rest: dict[str, Any], remark: str) -> None:
    scene = Watching(watching(metrics=[ERRORS | {"source": "other"} | rest]), languages=LANGUAGES)

    told = only(scene.look().status.metrics).remark
    assert told.startswith(remark)
    assert bool(told) == bool(remark)


def test_effectiveness_and_the_gate_for_settling_wait_for_the_lookback_of_that_language() -> None:
    simulation = Simulation().with_runbook(metrics=[METRIC]).with_target(3).drive().monitor_state("Engage").drive()
    snapshot = replace(simulation.snapshot(), languages=LANGUAGES)
    record = snapshot.record
    assert record is not None
    of_promql = judged_at(replace(snapshot, languages={}), record)
    of_words = judged_at(snapshot, record)
    assert of_promql is not None
    assert of_words is not None
    assert of_promql - of_words == 6 * MINUTE


def test_settling_gate_opens_after_the_lookback_in_the_language_of_the_source() -> None:
    simulation = Simulation().with_runbook(metrics=[METRIC]).with_target(3).drive().throw().drive().release().drive()
    simulation.after(minutes=4).monitor_state("Engage")

    assert closed_gate(simulation.snapshot(languages=LANGUAGES)) is None
    gate = closed_gate(simulation.snapshot(languages={}))
    assert gate is not None
    assert gate.reason is Reason.SETTLING
