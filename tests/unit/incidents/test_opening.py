"""The Runbook opens an incident for a fault, once."""

from dataclasses import replace
from typing import Any

import pytest

from runbook_operator.incidents.opening import incident_name, open_incident
from tests.incident_story import METRIC, IncidentStory

DEPENDENCY = {"name": "database", "severity": "SEV1", "check": {"http": {"url": "https://db.example.com/"}}}
BAD = {
    "name": "web",
    "found": True,
    "watch": {
        "revision": 7,
        "since": "2026-11-24T02:55:00Z",
        "until": "2026-11-24T03:25:00Z",
        "judgedBy": ["error-rate"],
    },
}


def test_critical_metric_with_a_severity_opens_an_incident() -> None:
    story = IncidentStory().level("error-rate", "Critical", message="12 % is above 5 %")

    step = story.step()

    assert step is not None
    assert step.name == incident_name("shop", "Metric", "error-rate", story.statuses["metrics"][0]["since"])
    assert step.spec.title == "metric error-rate is Critical: 12 % is above 5 %"
    assert (step.spec.severity, step.spec.cause.source, step.spec.cause.name) == ("SEV2", "Metric", "error-rate")
    (notice,) = step.notices
    assert notice.message == f"SEV2: opened incident {step.name}: {step.spec.title}"


@pytest.mark.parametrize(
    ("level", "spec"),
    [
        ("Warning", {}),
        ("Unknown", {}),
        ("Critical", {"metrics": [{key: value for key, value in METRIC.items() if key != "severity"}]}),
        ("Critical", {"mode": "Observe"}),
        ("Critical", {"title": ""}),
    ],
    ids=["warning", "unknown", "no severity", "observed", "invalid"],
)
def test_no_incident_opens(level: str, spec: dict[str, Any]) -> None:
    assert IncidentStory(**spec).level("error-rate", level).step() is None


def test_open_incident_takes_in_further_faults() -> None:
    story = IncidentStory().level("error-rate", "Critical").opened()

    assert story.level("latency", "Critical").step() is None
    assert [one.name for one in story.settle().status.signals] == ["error-rate", "latency"]


def test_incident_of_a_person_does_not_prevent_an_automatic_one() -> None:
    story = IncidentStory().create()

    assert story.level("error-rate", "Critical").step() is not None


def test_incident_that_a_gitops_tool_tracks_does_not_prevent_an_automatic_one() -> None:
    story = IncidentStory().level("error-rate", "Critical").opened()
    story.incident = replace(story.snapshot().incident, tracked_by="Argo CD by its tracking id shop:x")
    story.after(minutes=1).level("latency", "Critical")

    step = story.step()

    assert step is not None
    assert step.spec.cause.name == "latency"


def test_incident_of_a_person_under_the_derived_name_is_not_created_again() -> None:
    story = IncidentStory().level("error-rate", "Critical")
    step = story.step()
    assert step is not None

    assert story.create(step.name).step() is None


def test_fault_that_a_person_resolved_opens_no_other_incident() -> None:
    story = IncidentStory().level("error-rate", "Critical").level("latency", "Critical").opened()

    assert story.says(resolved=True).step() is None


def test_new_fault_after_a_resolution_by_a_person_opens_another_incident() -> None:
    story = IncidentStory().level("error-rate", "Critical").opened().says(resolved=True)
    story.after(minutes=1).level("error-rate", "Ok").after(minutes=1).level("error-rate", "Critical")

    step = story.step()

    assert step is not None
    assert step.name != story.snapshot().incident.meta.ref.name


def test_name_that_exists_is_not_created_again() -> None:
    story = IncidentStory().level("error-rate", "Critical").opened().says(resolved=True)
    assert story.incident is not None
    story.incident = replace(story.incident, status=story.status.replace(signals=[]))

    assert story.step() is None


def test_dependency_is_the_cause_before_the_metrics_that_follow_from_it() -> None:
    story = IncidentStory(dependencies=[DEPENDENCY]).level("error-rate", "Critical")

    step = story.level("database", "Critical", "dependencies").step()

    assert step is not None
    assert (step.spec.cause.source, step.spec.severity) == ("Dependency", "SEV1")


def test_bad_revision_opens_an_incident_about_its_target() -> None:
    story = IncidentStory(deployments={"severity": "SEV1"})
    story.targets = [BAD]

    step = story.step()

    assert step is not None
    assert step.spec.title == ("new version of target web is Critical: revision 7 made error-rate Critical")


def test_title_is_that_of_the_matching_issue_within_its_limit() -> None:
    issue = {"name": "errors", "title": "Checkout fails", "symptoms": [{"metric": "error-rate"}]}
    step = IncidentStory(issues=[issue]).level("error-rate", "Critical").step()
    assert step is not None
    assert step.spec.title == "Shop: Checkout fails"

    step = IncidentStory().level("error-rate", "Critical", message="x" * 500).step()
    assert step is not None
    assert len(step.spec.title) == 200


def test_name_of_a_long_runbook_is_a_valid_name() -> None:
    name = incident_name("a" * 54 + "-b", "Metric", "m", "2026-11-24T03:00:00Z")

    assert len(name) == 63
    assert "--" not in incident_name("a" * 53 + "-bc", "Metric", "m", "2026-11-24T03:00:00Z")


def test_most_severe_unresolved_incident_is_the_one_of_the_runbook() -> None:
    mild, severe = (
        IncidentStory().create("shop-a"),
        IncidentStory().create("shop-b", {"runbook": "shop", "title": "t", "severity": "SEV1"}),
    )
    assert mild.incident is not None
    assert severe.incident is not None

    assert open_incident([mild.incident, severe.incident]) == "shop-b"
    assert open_incident([]) == ""
    severe.says(resolved=True)
    assert open_incident([mild.incident, severe.snapshot().incident]) == "shop-a"


def test_alert_and_health_endpoint_open_incidents() -> None:
    alert = {"name": "burn", "alert": "ErrorBudgetBurn", "severity": "SEV1", "firstAction": {"engage": "stop"}}
    endpoint = {"name": "orders", "target": "web", "severity": "SEV4"}
    story = IncidentStory(alerts=[alert], healthEndpoints=[endpoint], links=[])
    story.statuses["alerts"] = []

    step = story.level("orders", "Critical", "healthEndpoints").step()
    assert step is not None
    assert step.spec.title == "health endpoint orders is Critical: it is Critical"

    step = story.level("burn", "Critical", "alerts").step()
    assert step is not None
    assert (step.spec.cause.source, step.spec.severity) == ("Alert", "SEV1")
    assert story.opened().snapshot().actor.ref.name == step.name
    assert story.status.first_action is not None
    assert story.status.first_action.text == "engage the switch stop"
