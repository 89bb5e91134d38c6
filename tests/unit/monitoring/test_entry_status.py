"""What is told of what is watched: in the status, in Events, to switches, and as the condition Healthy."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from runbook_operator.api.conditions import find, timestamp
from runbook_operator.core.level_tracker import Track
from runbook_operator.core.monitors import Key, Reading
from runbook_operator.monitoring.entry_status import tracks_of
from tests.builders import NOW, kill_switch
from tests.watching import ERRORS, MODEL, READY, Watching, only, watching

FEW, SOME, MANY = (Reading(value=one, reason="Measured") for one in (0.004, 0.07, 0.314))
DOWN = Reading(ok=False, reason="Refused", message="the connection was refused: Service/model:8080")
UP = Reading(ok=True, reason="Healthy", message="Service/model:8080 accepts connections")
SILENT = Reading(reason="SourceDown", message="source default: the connection was refused")


def errors(**rest: Any) -> Watching:
    return Watching(watching(metrics=[ERRORS | rest]))


def model(**rest: Any) -> Watching:
    return Watching(watching(dependencies=[MODEL | rest]))


def test_unchecked_entries_are_listed_as_unknown_in_spec_order() -> None:
    scene = Watching(watching(healthEndpoints=[READY], dependencies=[MODEL], metrics=[ERRORS | {"name": "z"}, ERRORS]))

    status = scene.look().status

    assert [one.name for one in status.metrics] == ["z", "error-rate"]
    told = [only(status.health_endpoints), only(status.dependencies), *status.metrics]
    assert {(one.level, one.reason, one.message) for one in told} == {("Unknown", "NotAskedYet", "not checked yet")}
    assert (scene.writes, scene.said) == (1, [])
    assert scene.condition("Healthy").status == "Unknown"


def test_new_level_writes_its_value_and_moving_numbers_write_no_status() -> None:
    scene = errors().last("Metric", "error-rate", FEW)
    told = only(scene.status.metrics)
    assert (told.level, told.value, told.message) == ("Ok", "0.4%", "0.4%; normal is < 1%")
    writes = scene.writes

    scene.last("Metric", "error-rate", Reading(value=0.002)).last("Metric", "error-rate", Reading(value=0.006))

    assert scene.writes == writes
    assert only(scene.status.metrics) == told
    scene.last("Metric", "error-rate", MANY)
    told = only(scene.status.metrics)
    assert (told.level, told.reason, told.value, told.message) == (
        "Critical",
        "ThresholdCrossed",
        "31.4%",
        "31.4% > 10%",
    )
    assert scene.writes == writes + 1


def test_pending_level_is_written_once_with_its_reason() -> None:
    scene = errors().look().read("Metric", "error-rate", FEW).look()

    told = only(scene.status.metrics)
    assert (told.level, told.reason, told.value) == ("Unknown", "Pending", "0.4%")
    assert told.message == "0.4%; normal is < 1%, 2m needed"
    assert told.since == timestamp(NOW)
    assert scene.writes == 2


def test_level_change_event_has_value_duration_and_hints() -> None:
    scene = errors().last("Metric", "error-rate", FEW).last("Metric", "error-rate", MANY)
    scene.last("Metric", "error-rate", FEW)

    assert scene.messages == [
        "Critical: metric error-rate is Critical: 31.4% > 10% for 1m; likely cause: Deployment; it was Ok for 2m15s",
        "Recovered: metric error-rate is Ok: 0.4%; normal is < 1%; it was Critical for 4m15s",
    ]
    assert [one.warning for one in scene.said] == [True, False]
    assert {(one.about, one.uid) for one in scene.said} == {(scene.runbook.meta.ref, "rb-1")}


def test_metric_improving_towards_ok_is_a_normal_event() -> None:
    scene = errors().last("Metric", "error-rate", FEW).last("Metric", "error-rate", MANY)
    for reading in (*[SOME] * 8, FEW):
        scene.read("Metric", "error-rate", reading).look().after(seconds=15)

    said = "metric error-rate went from Critical to Warning: 0.4%; normal is < 1%, 2m needed"
    assert scene.messages[-1].startswith(f"Improving: {said}; likely cause: Deployment; it was Critical for ")
    assert not scene.said[-1].warning


def test_metric_bad_again_after_missing_data_is_a_warning_event() -> None:
    scene = errors().last("Metric", "error-rate", FEW).last("Metric", "error-rate", SOME)
    scene.last("Metric", "error-rate", SILENT, minutes=6).read("Metric", "error-rate", SOME).look()

    assert [one.reason for one in scene.said] == ["Warning", "NoData", "Warning"]
    assert [one.warning for one in scene.said] == [True, True, True]


@pytest.mark.parametrize(
    ("rest", "remark"),
    [({"query": "up >= 1"}, True), ({"query": "up >= 1", "absent": "Zero"}, False), ({}, False)],
)
def test_query_with_a_trailing_comparison_gets_a_remark(rest: dict[str, Any], *, remark: bool) -> None:
    told = only(errors(**rest).look().status.metrics)

    assert ("returns no series while all is well" in told.remark) is remark


def test_holding_metric_without_data_gives_a_blind_unknown_signal() -> None:
    scene = errors().last("Metric", "error-rate", FEW).last("Metric", "error-rate", MANY)
    assert not scene.heard()["error-rate"].blind

    scene.last("Metric", "error-rate", SILENT, minutes=6)

    found = scene.heard()["error-rate"]
    assert (found.verdict, found.blind) == ("Unknown", True)


def test_repeated_event_after_a_crash_keeps_its_identity() -> None:
    scene = errors().last("Metric", "error-rate", FEW).last("Metric", "error-rate", MANY)
    before = replace(scene.runbook, status=scene.status)
    scene.last("Metric", "error-rate", FEW).last("Metric", "error-rate", MANY)
    assert len({one.identity for one in scene.said}) == 3

    again = Watching(before, scene.now, dict(scene.monitor_states))
    again.last("Metric", "error-rate", FEW)
    first = again.said[0].identity
    later = Watching(before, scene.now + timedelta(minutes=1), dict(scene.monitor_states))
    later.last("Metric", "error-rate", FEW)
    assert later.said[0].identity == first


def test_event_messages_contain_impact_and_meaning() -> None:
    scene = Watching(watching(healthEndpoints=[READY], dependencies=[MODEL]))
    ready = Reading(ok=False, reason="UnexpectedStatus", message="503 from Service/web:80/")
    scene.last("Dependency", "model", DOWN).last("HealthEndpoint", "ready", ready)

    first, second = scene.messages
    assert first == (
        "Critical: dependency model is Critical: the connection was refused: Service/model:8080 for 30s; "
        "impact if down: No AI responses"
    )
    assert second == (
        "Critical: health endpoint ready is Critical: 503 from Service/web:80/; when well: Service can handle traffic"
    )
    scene.last("Dependency", "model", UP)
    assert scene.messages[-1] == (
        "Recovered: dependency model is Ok: Service/model:8080 accepts connections; impact if down: No AI responses; "
        "it was Critical for 7m"
    )


def test_entry_without_description_has_a_plain_message() -> None:
    spec: dict[str, Any] = {
        "healthEndpoints": [{"name": "ready", "target": "web"}],
        "dependencies": [{"name": "model", "check": MODEL["check"]}],
        "metrics": [{"name": "error-rate", "query": "e", "critical": "> 10%"}],
    }
    scene = Watching(watching(**spec)).last("HealthEndpoint", "ready", replace(DOWN, message=""))
    scene.last("Dependency", "model", DOWN).last("Metric", "error-rate", MANY)

    assert scene.messages == [
        "Critical: health endpoint ready is Critical: Refused",
        "Critical: dependency model is Critical: the connection was refused: Service/model:8080 for 30s",
        "Critical: metric error-rate is Critical: 31.4% > 10% for 1m",
    ]
    assert scene.heard() == {}


def test_first_ok_level_makes_no_event() -> None:
    assert errors().last("Metric", "error-rate", FEW).said == []


def test_missing_data_is_stale_over_the_known_level_until_it_returns() -> None:
    scene = errors().last("Metric", "error-rate", MANY).last("Metric", "error-rate", SILENT, minutes=6)

    told = only(scene.status.metrics)
    assert (told.level, told.known, told.reason) == ("Stale", "Critical", "SourceDown")
    assert told.message == "no data for 5m: source default: the connection was refused"
    assert scene.condition("Healthy").status == "Unknown"
    assert scene.condition("Healthy").message == f"metric error-rate is Stale, Critical before: {told.message}"
    assert scene.messages[-1].startswith("NoData: metric error-rate is Stale: no data for 5m")

    scene.read("Metric", "error-rate", FEW).look()

    told = only(scene.status.metrics)
    assert (told.level, told.message) == ("Critical", "0.4%; normal is < 1%, 2m needed")
    assert scene.messages[-1].startswith("Critical: metric error-rate is Critical: 0.4%")


def test_missing_data_without_message_is_reported_with_its_reason() -> None:
    scene = errors().last("Metric", "error-rate", Reading(reason="NoData"), minutes=6)

    assert only(scene.status.metrics).message == "no data for 5m: NoData"


def test_unmonitorable_entry_names_its_field_and_others_are_monitored() -> None:
    odd = ERRORS | {"name": "odd", "critical": "> 5 parsecs"}
    scene = Watching(watching(metrics=[ERRORS, odd, odd | {"name": "odder"}])).last("Metric", "error-rate", FEW)

    ready, healthy = scene.condition("Ready"), scene.condition("Healthy")
    assert (ready.status, ready.reason) == ("False", "InvalidSpec")
    assert ready.message.startswith("spec.metrics[1].critical: ")
    assert ready.message.endswith("; and 1 more like it")
    good, told, _ = scene.status.metrics
    assert (good.level, told.level, told.reason) == ("Ok", "Unknown", "InvalidSpec")
    assert told.message.startswith("spec.metrics[1].critical: ")
    assert healthy.status == "Unknown"
    assert healthy.message.startswith("metric odd is Unknown: spec.metrics[1].critical: ")
    assert scene.messages == [f"InvalidSpec: {ready.message}"]
    assert scene.said[0].warning


@pytest.mark.parametrize(
    ("rest", "remark"),
    [
        ({"unit": "ratio", "critical": "> 10"}, "critical > 10 of a ratio is 1000 %; for 10 % write > 10%"),
        ({"unit": "ratio", "normal": "1 .. 5"}, ""),
        ({"unit": "ratio", "normal": "2 .. 5"}, "normal 2 .. 5 of a ratio is 200 %; for 2 % write 2 .. 5%"),
        ({"unit": "ratio", "critical": "> 200%"}, ""),
        ({"unit": "ratio", "critical": "> 1.5"}, ""),
        ({"unit": "percent", "critical": "> 10"}, ""),
        ({"critical": "> 10"}, ""),
    ],
)
def test_plain_threshold_far_beyond_a_ratio_gets_a_remark(rest: dict[str, Any], remark: str) -> None:
    metric = {"name": "error-rate", "query": "up"} | rest

    assert only(Watching(watching(metrics=[metric])).look().status.metrics).remark == remark


def test_invalid_entry_is_reported_once_and_checked_after_correction() -> None:
    odd = ERRORS | {"critical": "> 5 parsecs"}
    scene = Watching(watching(metrics=[odd])).look()
    assert not scene.condition("Ready").message.endswith("more like it")
    writes, since = scene.writes, only(scene.status.metrics).since

    assert scene.after(minutes=1).look().writes == writes
    scene.edit(metrics=[ERRORS]).look()

    told = only(scene.status.metrics)
    assert (told.reason, told.since) == ("NotAskedYet", since)
    assert scene.condition("Ready").status == "True"
    scene.last("Metric", "error-rate", FEW)
    assert only(scene.status.metrics).level == "Ok"
    assert [one.reason for one in scene.said] == ["InvalidSpec"]


def test_critical_entry_edited_to_be_invalid_is_unknown_and_sends_no_signal() -> None:
    scene = errors().last("Metric", "error-rate", MANY)
    scene.edit(metrics=[ERRORS | {"critical": "> 5 parsecs"}]).holding("Metric", "error-rate").look()

    assert only(scene.status.metrics).level == "Unknown"
    assert scene.heard()["error-rate"].verdict == "Unknown"


def test_entry_monitored_again_continues_from_the_status() -> None:
    scene = errors().last("Metric", "error-rate", MANY)
    told = scene.runbook.status.metrics[0]

    tracks = tracks_of(scene.runbook, scene.now)

    key = Key(scene.runbook.meta.ref, "Metric", "error-rate")
    since = NOW + timedelta(minutes=1)
    assert tracks == {key: Track("Critical", since, known="Critical", begun=scene.now)}
    assert told.since == timestamp(since)


def test_missing_data_continues_after_a_restart_and_unknown_starts_again() -> None:
    scene = Watching(watching(metrics=[ERRORS], dependencies=[MODEL])).last("Metric", "error-rate", MANY)
    scene.last("Metric", "error-rate", SILENT, minutes=6)

    (track,) = tracks_of(scene.runbook, scene.now).values()

    assert (track.level, track.known, track.begun) == ("Stale", "Critical", scene.now)


def test_restart_makes_no_events_and_no_signals_before_the_first_reading() -> None:
    scene = errors().last("Metric", "error-rate", MANY)
    writes = scene.writes
    scene.monitor_states = {
        key: replace(scene.monitor_states[key], track=track, reading=Reading())
        for key, track in tracks_of(scene.runbook, scene.now).items()
    }

    assert scene.look().writes == writes
    assert scene.heard()["error-rate"].verdict == "Unknown"
    scene.read("Metric", "error-rate", SILENT).look()
    assert scene.heard()["error-rate"].verdict == "Unknown"
    scene.read("Metric", "error-rate", MANY).look()
    assert scene.writes == writes
    assert scene.heard()["error-rate"].verdict == "Engage"
    scene.read("Metric", "error-rate", SILENT).look()
    assert scene.heard()["error-rate"].verdict == "Engage"


def test_emptied_status_is_written_again() -> None:
    scene = errors().last("Metric", "error-rate", MANY)
    emptied = scene.status.replace(metrics=[])
    scene.runbook = replace(scene.runbook, status=emptied)

    assert only(scene.look().status.metrics).level == "Critical"


def test_metric_signals_its_first_action_switch_with_its_value() -> None:
    scene = errors().look()
    assert scene.heard()["error-rate"].verdict == "Unknown"

    scene.last("Metric", "error-rate", MANY)

    said = scene.heard()["error-rate"]
    assert (said.source, said.verdict, said.reason) == ("Metric", "Engage", "31.4% > 10%")
    assert scene.heard("halt") == {}
    scene.last("Metric", "error-rate", SOME)
    assert scene.heard()["error-rate"].verdict == "Unknown"
    scene.last("Metric", "error-rate", FEW)
    assert scene.heard()["error-rate"].verdict == "Release"


def test_warning_can_trigger_a_response() -> None:
    scene = errors(response={"firstAction": {"engage": "stop"}, "at": "Warning"}).last("Metric", "error-rate", SOME)

    assert scene.heard()["error-rate"].verdict == "Engage"


def test_dependency_signals_its_fallback_with_impact_and_stale_is_unknown() -> None:
    scene = model().last("Dependency", "model", DOWN)

    said = scene.heard()["model"]
    assert (said.source, said.verdict) == ("Dependency", "Engage")
    assert said.reason == "the connection was refused: Service/model:8080; impact if down: No AI responses"
    scene.last("Dependency", "model", Reading(reason="ServiceNotFound", message="no Service"), minutes=6)
    assert only(scene.status.dependencies).level == "Stale"
    assert scene.heard()["model"].verdict == "Unknown"
    scene.last("Dependency", "model", UP)
    assert scene.heard()["model"].verdict == "Release"


def test_signal_reason_stays_while_the_level_stays() -> None:
    scene = errors().last("Metric", "error-rate", MANY)
    said = scene.heard()["error-rate"]

    assert scene.last("Metric", "error-rate", Reading(value=0.5)).heard()["error-rate"] == said


def test_hold_of_a_removed_entry_is_released() -> None:
    scene = Watching(watching()).holding("Metric", "error-rate").holding("Dependency", "model")

    assert {name: one.verdict for name, one in scene.heard().items()} == {"error-rate": "Release", "model": "Release"}


def test_hold_of_an_entry_that_engages_another_switch_is_released() -> None:
    scene = errors(response={"firstAction": {"engage": "halt"}}).holding("Metric", "error-rate")

    assert scene.heard("stop")["error-rate"].verdict == "Release"
    assert scene.heard("halt")["error-rate"].verdict == "Unknown"


@pytest.mark.parametrize("source", ["Deployment", "Person"])
def test_hold_of_another_source_kind_is_unchanged(source: Any) -> None:
    assert Watching(watching()).holding(source, "web").heard() == {}


def test_switch_of_another_runbook_gets_no_signal() -> None:
    scene = Watching(watching()).holding("Metric", "error-rate")
    theirs = scene.switches["shop-stop"]
    spec = theirs.spec.replace(runbook="other")
    scene.switches["shop-stop"] = replace(theirs, spec=spec)

    assert scene.heard() == {}


def test_unparsable_runbook_sends_no_signal_and_keeps_its_status() -> None:
    scene = errors().last("Metric", "error-rate", FEW).holding("Metric", "error-rate")
    before = scene.status

    scene.edit(killSwitches=[kill_switch("BAD")]).look()

    assert (scene.status.metrics, scene.status.targets) == (before.metrics, before.targets)
    assert scene.heard() == {}
    healthy = scene.condition("Healthy")
    assert (healthy.status, healthy.reason) == ("Unknown", "InvalidSpec")
    assert scene.condition("Ready").reason == "InvalidSpec"


def test_runbook_without_monitors_has_no_healthy_condition() -> None:
    for spec in ({"killSwitches": [kill_switch("BAD")]}, {}):
        assert find(Watching(watching(**spec)).look().status.conditions, "Healthy") is None


def test_unhealthy_runbook_is_still_ready() -> None:
    scene = errors().last("Metric", "error-rate", MANY)

    healthy = scene.condition("Healthy")
    assert (healthy.status, healthy.reason) == ("False", "Unhealthy")
    assert healthy.message == "metric error-rate is Critical: 31.4% > 10%"
    assert scene.condition("Ready").status == "True"


def test_healthy_condition_names_the_worst_entry_first_with_its_impact() -> None:
    spec: dict[str, Any] = {"healthEndpoints": [READY], "dependencies": [MODEL], "metrics": [ERRORS]}
    scene = Watching(watching(**spec)).last("Metric", "error-rate", SOME).last("Dependency", "model", DOWN)

    assert scene.condition("Healthy").message == (
        "dependency model is Critical: the connection was refused: Service/model:8080; "
        "impact if down: No AI responses; health endpoint ready is Unknown: not checked yet; "
        "metric error-rate is Warning: 7% > 5%"
    )


def test_warning_is_named_in_a_true_healthy_condition() -> None:
    healthy = errors().last("Metric", "error-rate", SOME).condition("Healthy")

    assert (healthy.status, healthy.reason) == ("True", "Healthy")
    assert healthy.message == "metric error-rate is Warning: 7% > 5%"


def test_healthy_condition_names_a_limited_number_of_entries() -> None:
    scene = Watching(watching(metrics=[ERRORS | {"name": f"m-{number}"} for number in range(10)])).look()

    assert scene.condition("Healthy").message.endswith("; and 2 more")


def test_target_is_degraded_by_a_dependency_last_known_as_down() -> None:
    scene = model().last("Dependency", "model", DOWN)
    assert only(scene.status.targets).degraded_by == ["model"]
    scene.last("Dependency", "model", SILENT, minutes=6)
    assert only(scene.status.targets).degraded_by == ["model"]

    scene.last("Dependency", "model", UP)

    assert only(scene.status.targets).degraded_by == []


def refused(status: int) -> Reading:
    return Reading(ok=False, reason="UnexpectedStatus", message=f"{status} from Service/model:8080/health")


def test_connection_error_that_becomes_a_404_shows_the_404() -> None:
    scene = model().last("Dependency", "model", DOWN)
    before, said = only(scene.status.dependencies), list(scene.said)

    scene.last("Dependency", "model", refused(404))

    told = only(scene.status.dependencies)
    assert (told.level, told.reason) == ("Critical", "UnexpectedStatus")
    assert told.message == "404 from Service/model:8080/health"
    assert (told.since, scene.said) == (before.since, said)


def test_error_with_other_numbers_or_another_5xx_writes_no_status() -> None:
    scene = model().last("Dependency", "model", refused(503))
    writes = scene.writes

    scene.last("Dependency", "model", refused(502))

    assert scene.writes == writes
    assert only(scene.status.dependencies).message == "503 from Service/model:8080/health"


def test_alternating_errors_write_no_status() -> None:
    scene = model().last("Dependency", "model", DOWN)
    writes = scene.writes

    for reading in (refused(404), DOWN) * 4:
        scene.read("Dependency", "model", reading).look().after(seconds=15)

    assert scene.writes == writes


def test_missing_data_shows_its_new_cause() -> None:
    scene = errors().last("Metric", "error-rate", FEW).last("Metric", "error-rate", SILENT, minutes=6)
    assert only(scene.status.metrics).reason == "SourceDown"

    scene.last("Metric", "error-rate", Reading(reason="QueryRefused", message="source default: bad query"))

    told = only(scene.status.metrics)
    assert (told.level, told.reason) == ("Stale", "QueryRefused")
    assert told.message == "no data for 5m: source default: bad query"


def test_error_on_another_pod_writes_no_status() -> None:
    def down(pod: str) -> Reading:
        text = f"connection refused: Pod/{pod}:8080; 1 of 2 ready pods are not healthy"
        return Reading(ok=False, reason="Unreachable", message=text, series=f"Pod/{pod}")

    scene = Watching(watching(healthEndpoints=[READY | {"each": True}])).last("HealthEndpoint", "ready", down("web-a"))
    writes = scene.writes

    scene.last("HealthEndpoint", "ready", down("web-b"))

    assert scene.writes == writes
