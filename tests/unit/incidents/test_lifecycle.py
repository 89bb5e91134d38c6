"""The phases of an incident: acknowledgement, recovery, reopening, resolution and retention."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from runbook_operator.api.conditions import moment, timestamp
from runbook_operator.api.incident import FIRST_ENTRIES, LAST_ENTRIES, IncidentStatus
from runbook_operator.api.parsing import SwitchObject
from runbook_operator.api.switch import Engagement, Record, SwitchStatus
from runbook_operator.incidents.incident_reconcile import next_step
from runbook_operator.incidents.timeline import add, entry
from runbook_operator.reconcile.steps import ClearAcknowledgement
from tests.builders import NOW, switch
from tests.incident_story import METRIC, OTHER, IncidentStory

ISSUE = {
    "name": "errors",
    "severity": "SEV1",
    "symptoms": [{"metric": "error-rate"}, {"metric": "latency"}],
    "likelyCause": "the cache",
    "resolution": [{"text": "Stop the shop", "engage": "stop"}],
}


def opened(**spec: Any) -> IncidentStory:
    return IncidentStory(**spec).level("error-rate", "Critical", value="12 %").after(seconds=5).opened()


def test_opened_incident_has_its_times_cause_links_and_checklist() -> None:
    story = opened(links=[{"name": "board", "url": "https://grafana.example.com/"}])
    status = story.status

    assert (status.phase, status.severity) == ("Open", "SEV2")
    assert (status.bad_since, status.opened_at) == (timestamp(NOW), timestamp(NOW + timedelta(seconds=5)))
    assert moment(status.respond_by) - moment(status.opened_at) == timedelta(minutes=15)
    assert [(one.title, one.url) for one in status.links] == [("board", "https://grafana.example.com/")]
    assert status.checklist == ["assess", "communicate", "mitigate", "investigate", "resolve", "document"]
    assert [(one.name, one.level, one.threshold) for one in status.signals] == [("error-rate", "Critical", "> 5%")]
    assert status.columns.cause == "Metric error-rate"
    assert story.condition("Ready") == ("True", "Ready")
    assert story.condition("Acknowledged") == ("False", "NotAcknowledged")
    assert story.kinds[0] == "Opened"


def test_declared_response_time_and_checklist_are_those_of_the_runbook() -> None:
    story = opened(
        severities=[{"level": "SEV2", "respondWithin": "1m"}], initialResponse=[{"name": "call"}, {"name": "look"}]
    )

    assert moment(story.status.respond_by) - moment(story.status.opened_at) == timedelta(minutes=1)
    assert story.says(checklist={"call": True}).status.checklist == ["look"]
    assert story.status.timeline[-1].text == "call is done"


def test_acknowledgement_has_its_author_and_ends_by_itself() -> None:
    story = opened().after(minutes=1).says(by="alice", acknowledged=True)
    status = story.status
    assert (status.phase, status.acknowledged_by) == ("Acknowledged", "alice")
    assert story.condition("Acknowledged") == ("True", "Acknowledged")
    assert story.due() == moment(status.acknowledged_until) == story.now + timedelta(hours=2)

    story.after(hours=2)
    assert isinstance(next_step(story.snapshot()), ClearAcknowledgement)
    story.settle()

    assert (story.status.phase, story.status.acknowledged_by) == ("Open", "")
    assert story.status.acknowledged_at == status.acknowledged_at
    assert story.kinds[-1] == "AcknowledgementEnded"


def test_withdrawn_acknowledgement_opens_the_incident_again() -> None:
    story = opened().says(acknowledged=True).says(acknowledged=None)

    assert (story.status.phase, story.status.acknowledged_until) == ("Open", "")


def test_unknown_author_of_an_acknowledgement_and_a_resolution_is_named_so() -> None:
    story = opened()
    story.says(by="", acknowledged=True)
    assert story.status.acknowledged_by == "unknown"
    assert story.says(by="", resolved=True).status.resolved_by == "unknown"


def test_incident_recovers_and_resolves_after_all_signals_stayed_ok() -> None:
    story = opened().level("latency", "Critical").settle()
    story.after(minutes=1).level("error-rate", "Ok").settle()
    assert story.status.phase == "Open"

    story.after(minutes=1).level("latency", "Ok").settle()
    assert (story.status.phase, story.status.recovered_at) == ("Recovering", timestamp(story.now))
    assert story.due() == story.now + timedelta(minutes=10)

    story.after(minutes=10).settle()
    assert (story.status.phase, story.status.resolved_by) == ("Resolved", "")
    assert story.status.timeline[-1].text == "all signals were Ok for 10m"


@pytest.mark.parametrize("level", ["Unknown", "Stale", "Warning"])
def test_signal_that_is_not_ok_prevents_recovery(level: str) -> None:
    assert opened().after(minutes=1).level("error-rate", level).settle().status.phase == "Open"


def test_signal_that_is_bad_again_ends_the_recovery() -> None:
    story = opened().says(acknowledged=True).level("error-rate", "Ok").settle()
    assert story.status.phase == "Recovering"

    story.after(minutes=5).level("error-rate", "Critical").settle()

    assert (story.status.phase, story.status.recovered_at) == ("Acknowledged", "")


def test_resolution_by_a_person_is_no_recovery() -> None:
    assert opened().says(resolved=True).status.recovered_at == ""


def test_entry_without_a_severity_is_a_signal_that_recovery_does_not_wait_for() -> None:
    quiet = {key: value for key, value in OTHER.items() if key != "severity"}
    story = opened(metrics=[METRIC, quiet]).level("latency", "Warning").settle()
    assert [one.name for one in story.status.signals] == ["error-rate", "latency"]

    assert story.level("error-rate", "Ok").settle().status.phase == "Recovering"


def test_entry_that_is_not_declared_any_more_is_ok() -> None:
    story = opened()
    assert story.runbook is not None
    story.runbook["spec"]["metrics"] = [OTHER]

    story.settle()

    assert [(one.level, one.message) for one in story.status.signals] == [("Ok", "no longer declared")]
    assert story.status.phase == "Recovering"


def test_incident_of_a_person_never_recovers_by_itself() -> None:
    story = IncidentStory().create(by="alice").level("error-rate", "Ok").after(hours=9).settle()

    assert story.status.phase == "Open"
    assert (story.status.timeline[0].kind, story.status.timeline[0].by) == ("Opened", "alice")
    assert story.status.bad_since == story.status.opened_at


def test_person_resolves_for_good_and_takes_it_back() -> None:
    story = opened().after(minutes=3).says(by="bob", resolved=True, resolution="restarted the cache")
    status = story.status
    assert (status.phase, status.resolved_by, status.resolved_at) == ("Resolved", "bob", timestamp(story.now))
    assert (status.timeline[-1].text, status.timeline[-1].by) == ("restarted the cache", "bob")

    story.after(minutes=1).level("error-rate", "Critical").settle()
    assert (story.status.phase, story.status.cycle) == ("Resolved", 0)

    story.says(resolved=None)
    assert (story.status.phase, story.status.cycle, story.status.resolved_by) == ("Open", 1, "")
    assert story.kinds[-1] == "Reopened"


def test_same_cause_soon_after_the_recovery_reopens_the_incident() -> None:
    story = opened().says(acknowledged=True).level("error-rate", "Ok").settle().after(minutes=10).settle()
    assert story.status.phase == "Resolved"

    story.after(minutes=14).level("error-rate", "Critical")

    assert story.step() is None
    story.settle()
    assert (story.status.phase, story.status.cycle) == ("Acknowledged", 1)


def test_same_cause_long_after_the_recovery_opens_another_incident() -> None:
    story = opened().level("error-rate", "Ok").settle().after(minutes=10).settle()
    story.after(minutes=16).level("error-rate", "Critical").settle()
    assert story.status.phase == "Resolved"
    step, first = story.step(), story.snapshot().incident
    assert step is not None

    story.others, story.incident = (first,), None
    story.opened()

    assert story.status.previous == first.meta.ref.name


def test_worse_signal_raises_the_severity_and_ends_the_acknowledgement() -> None:
    story = opened(metrics=[METRIC, OTHER | {"severity": "SEV1"}]).says(acknowledged=True)

    story.level("latency", "Critical").settle()

    assert (story.status.severity, story.status.phase) == ("SEV1", "Open")
    assert "SeverityChanged" in story.kinds
    assert moment(story.status.respond_by) - moment(story.status.opened_at) == timedelta(minutes=5)


def test_person_lowers_the_severity_and_old_signals_do_not_raise_it_again() -> None:
    story = opened().says(acknowledged=True).says(severity="SEV4")

    assert (story.status.severity, story.status.phase) == ("SEV4", "Acknowledged")
    assert story.after(minutes=1).settle().status.severity == "SEV4"


def test_matching_issue_sets_cause_first_action_and_severity() -> None:
    story = opened(issues=[ISSUE])
    assert (story.status.issue, story.status.first_action) == ("", None)

    story.level("latency", "Critical").settle()

    status = story.status
    assert (status.issue, status.severity, status.likely_cause) == ("errors", "SEV1", "the cache")
    assert status.first_action is not None
    assert status.first_action.text == "Stop the shop"
    assert status.first_action.command.startswith("kubectl -n shop patch switch shop-stop --type merge")


def test_first_action_is_that_of_the_entry_and_has_no_command_while_it_is_engaged() -> None:
    response = {"likelyCause": "a deployment", "firstAction": {"engage": "stop"}}
    story = opened(metrics=[METRIC | {"response": response}])
    assert story.status.likely_cause == "a deployment"
    assert story.status.first_action is not None
    assert story.status.first_action.text == "engage the switch stop"

    story.switches = {"stop": engaged(at=story.now, by="metric error-rate")}
    story.settle()

    assert story.status.first_action.command == ""
    assert [(one.switch, one.by, one.released_at) for one in story.status.switches] == [
        ("stop", "metric error-rate", "")
    ]


def test_step_without_a_switch_is_text_alone() -> None:
    issue = ISSUE | {"symptoms": [{"metric": "error-rate"}], "resolution": [{"text": "Call the provider"}]}

    action = opened(issues=[issue]).status.first_action

    assert action is not None
    assert (action.text, action.command) == ("Call the provider", "")


def engaged(at: Any, by: str, **fields: Any) -> SwitchObject:
    record = Record(engagement_id="e", engaged_at=timestamp(at), engaged_by=by)
    return replace(switch(), status=SwitchStatus(record=record, **fields))


def test_switches_of_the_incident_are_recorded_and_their_releases() -> None:
    story = opened()
    at = story.now
    story.switches = {"stop": engaged(at=at, by="alice")}
    story.settle()
    past = Engagement(
        engagement_id="e",
        engaged_at=timestamp(at),
        engaged_by="alice",
        released_at=timestamp(at + timedelta(minutes=1)),
    )
    before = Engagement(
        engagement_id="d",
        engaged_at=timestamp(at - timedelta(hours=2)),
        engaged_by="bob",
        released_at=timestamp(at - timedelta(hours=1)),
    )
    story.switches = {"stop": replace(switch(), status=SwitchStatus(history=[past, before]))}

    story.after(minutes=1).settle()

    assert [(one.by, bool(one.released_at)) for one in story.status.switches] == [("alice", True)]
    assert story.kinds[-2:] == ["SwitchEngaged", "SwitchReleased"]


def test_changes_right_before_the_fault_are_listed() -> None:
    story = IncidentStory().level("error-rate", "Critical")
    story.targets = [
        {
            "name": "web",
            "found": True,
            "verdicts": [
                {"revision": 7, "verdict": "Watching", "since": timestamp(NOW - timedelta(minutes=3))},
                {"revision": 6, "verdict": "Good", "since": timestamp(NOW - timedelta(days=3))},
                {"revision": 5, "verdict": "Good", "since": timestamp(NOW + timedelta(days=4))},
            ],
        }
    ]
    story.switches = {"idle": switch(), "stop": engaged(at=NOW - timedelta(minutes=1), by="alice")}

    story.opened()

    assert [one.text for one in story.status.changes] == [
        "target web: revision 7 was rolled out",
        "switch stop was engaged by alice",
    ]


def test_note_becomes_an_entry_with_its_author_at_each_change() -> None:
    story = opened().says(by="alice", note="restarting").after(seconds=1).says(by="bob", note="")

    notes = [(one.text, one.by) for one in story.status.timeline if one.kind == "Note"]
    assert notes == [("restarting", "alice"), ("the note was removed", "bob")]


def test_deleted_runbook_keeps_the_incident_and_is_named() -> None:
    story = opened()
    story.runbook = None

    story.settle()

    assert story.condition("Ready") == ("False", "RunbookNotFound")
    assert [one.level for one in story.status.signals] == ["Critical"]
    assert story.status.phase == "Open"


def test_runbook_that_does_not_parse_keeps_the_signals() -> None:
    story = opened()
    assert story.runbook is not None
    story.runbook["spec"]["title"] = ""

    assert [one.level for one in story.settle().status.signals] == ["Critical"]


def test_incident_of_a_gitops_tool_does_nothing() -> None:
    story = IncidentStory().create(annotations={"argocd.argoproj.io/tracking-id": "shop:x"})

    assert story.condition("Ready") == ("False", "IncidentTracked")
    assert (story.status.timeline, story.status.severity) == ([], None)
    assert story.due() is None


def test_incident_that_does_not_settle_says_so() -> None:
    story = opened()

    step = next_step(replace(story.snapshot(), unsettled="took 200 steps"))

    assert step is not None
    assert isinstance(status := getattr(step, "status", None), IncidentStatus)
    assert next(one.message for one in status.conditions if one.type == "Ready") == "took 200 steps"


def test_deleted_incident_takes_no_step() -> None:
    story = opened()

    assert next_step(replace(story.snapshot(), incident=deleting(story))) is None


def deleting(story: IncidentStory) -> Any:
    incident = story.snapshot().incident
    return replace(incident, meta=replace(incident.meta, deleting=True))


def test_resolved_incident_is_deleted_for_its_age() -> None:
    story = opened().level("error-rate", "Ok").says(resolved=True)
    assert story.due() == story.now + timedelta(days=90)

    assert not story.after(days=89).settle().deleted
    assert story.after(days=1).settle().deleted


def test_surplus_incident_is_deleted_and_a_lasting_fault_keeps_it() -> None:
    story = opened(incidents={"keep": 1}).says(resolved=True)
    later = replace(
        IncidentStory().create("shop-2").says(resolved=True).snapshot().incident,
        status=story.status.replace(resolved_at=timestamp(story.now + timedelta(minutes=1))),
    )
    story.others = (later,)

    assert not story.settle().deleted
    assert story.after(minutes=2).level("error-rate", "Ok").settle().deleted


def test_timeline_keeps_its_first_and_last_entries() -> None:
    most = FIRST_ENTRIES + LAST_ENTRIES
    status = IncidentStatus()
    for number in range(most + 5):
        status = add(status, entry(NOW, "Note", f"{number}"))

    assert [status.timeline[0].text, status.timeline[-1].text] == ["0", str(most + 4)]
    assert status.timeline[FIRST_ENTRIES].text == str(FIRST_ENTRIES + 5)
    assert (len(status.timeline), status.timeline_dropped) == (most, 5)
    assert add(status, entry(NOW + timedelta(1), "Note", str(most + 4))) == status
    assert len(entry(NOW, "Note", "x\n" * 500).text) == 200
