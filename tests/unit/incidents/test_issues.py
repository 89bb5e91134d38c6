"""The common issue of an incident: the one whose symptoms its signals meet."""

import pytest
from pydantic import ValidationError

from runbook_operator.api.incident import IncidentSignal, Source
from runbook_operator.api.response_spec import ONE_SYMPTOM, Issue, Symptom
from runbook_operator.api.runbook import RunbookSpec
from runbook_operator.incidents.issues import matching

SINCE = "2030-01-01T00:00:00Z"


def symptom(**fields: str) -> Symptom:
    return Symptom.model_validate(fields)


def issue(name: str, *symptoms: Symptom) -> Issue:
    return Issue(name=name, symptoms=list(symptoms))


def runbook(*issues: Issue) -> RunbookSpec:
    # model_construct: the symptoms' entries are of no importance here.
    return RunbookSpec.model_construct(title="Shop", issues=list(issues))


def signal(source: Source, name: str, level: str = "Critical") -> IncidentSignal:
    return IncidentSignal(source=source, name=name, level=level, since=SINCE)


def name_of(spec: RunbookSpec, *signals: IncidentSignal) -> str:
    found = matching(spec, signals)
    return found.name if found else ""


SLOW = issue("slow", symptom(metric="p95"))
ERRORS = issue("errors", symptom(metric="errors"))
PROVIDER = issue("provider-down", symptom(metric="errors"), symptom(dependency="payments"))


def test_no_signal_matches_no_issue() -> None:
    assert matching(runbook(SLOW, ERRORS), ()) is None


def test_runbook_without_issues_matches_none() -> None:
    assert matching(runbook(), [signal("Metric", "p95")]) is None


@pytest.mark.parametrize(
    ("source", "field"),
    [("Metric", "metric"), ("HealthEndpoint", "healthEndpoint"), ("Dependency", "dependency"), ("Alert", "alert")],
)
def test_critical_entry_of_each_section_meets_its_symptom(source: Source, field: str) -> None:
    spec = runbook(issue("known", symptom(**{field: "web"})))

    assert name_of(spec, signal(source, "web")) == "known"


def test_entry_of_another_section_with_the_same_name_meets_no_symptom() -> None:
    assert name_of(runbook(issue("known", symptom(metric="web"))), signal("Dependency", "web")) == ""


def test_issue_with_a_symptom_that_is_not_met_does_not_match() -> None:
    assert name_of(runbook(PROVIDER), signal("Metric", "errors")) == ""


def test_issue_with_most_symptoms_wins_over_an_earlier_one() -> None:
    spec = runbook(ERRORS, PROVIDER)

    assert name_of(spec, signal("Metric", "errors"), signal("Dependency", "payments")) == "provider-down"


def test_first_declared_of_two_issues_with_equally_many_symptoms_wins() -> None:
    assert name_of(runbook(SLOW, ERRORS), signal("Metric", "errors"), signal("Metric", "p95")) == "slow"


@pytest.mark.parametrize("level", ["Ok", "Warning", "Unknown", "Stale"])
def test_level_below_critical_does_not_meet_a_critical_symptom(level: str) -> None:
    assert name_of(runbook(SLOW), signal("Metric", "p95", level)) == ""


@pytest.mark.parametrize("level", ["Warning", "Critical"])
def test_warning_symptom_is_met_from_warning_on(level: str) -> None:
    assert (
        name_of(runbook(issue("slow", symptom(metric="p95", at="Warning"))), signal("Metric", "p95", level)) == "slow"
    )


@pytest.mark.parametrize("level", ["Ok", "Unknown", "Stale"])
def test_warning_symptom_is_not_met_without_a_bad_level(level: str) -> None:
    assert name_of(runbook(issue("slow", symptom(metric="p95", at="Warning"))), signal("Metric", "p95", level)) == ""


def test_worst_of_two_signals_of_an_entry_counts() -> None:
    assert name_of(runbook(SLOW), signal("Metric", "p95"), signal("Metric", "p95", "Ok")) == "slow"


@pytest.mark.parametrize("fields", [{}, {"metric": "p95", "alert": "p95"}])
def test_symptom_without_exactly_one_entry_is_rejected(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match=ONE_SYMPTOM):
        symptom(**fields)
