"""Alerts of a Prometheus as watched entries: the query, the levels, the messages and the problems."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from runbook_operator.api.response_spec import OWN_LABEL, Alert
from runbook_operator.core import promql_batching
from runbook_operator.core.monitors import AskMetric, Problem, Reading, Watch
from runbook_operator.monitoring.backends.influxdb import INFLUXQL
from runbook_operator.monitoring.declared_alerts import query
from runbook_operator.monitoring.declared_monitors import watches
from runbook_operator.monitoring.promql import PROMQL
from tests.builders import Body
from tests.watching import Watching, watching

ERRORS: Body = {
    "name": "errors",
    "alert": "HighErrorRate",
    "likelyCause": "Deployment",
    "firstAction": {"engage": "stop"},
}
SERIES = 'ALERTS{alertname="HighErrorRate",alertstate="firing",namespace="shop",pod="web-1"}'
FIRES, QUIET = Reading(value=1, series=SERIES), Reading(value=0, note="the query returns no series")


def alert(**fields: Any) -> Alert:
    return Alert.model_validate(ERRORS | fields)


def scene(**fields: Any) -> Watching:
    return Watching(watching(alerts=[ERRORS | fields]))


def watch(**fields: Any) -> Watch:
    (found,) = watches(watching(alerts=[ERRORS | fields]), {}).watches
    return found


def problem(**fields: Any) -> Problem:
    found = watches(watching(alerts=[ERRORS | fields]), {"influx": INFLUXQL, "default": PROMQL})
    assert not found.watches
    return found.problems[0]


def level(scene: Watching) -> str:
    return scene.status.alerts[0].level


def test_query_of_an_alert_selects_the_firing_ones_of_the_namespace() -> None:
    assert query(alert(), "shop") == 'ALERTS{alertname="HighErrorRate",alertstate="firing",namespace="shop"}'


def test_declared_labels_replace_the_namespace() -> None:
    asked = query(alert(labels={"service": "web", "severity": "page"}), "shop")

    assert asked == 'ALERTS{alertname="HighErrorRate",alertstate="firing",service="web",severity="page"}'


def test_label_values_are_quoted_although_the_api_rejects_quotes() -> None:
    hostile = Alert.model_construct(name="errors", alert='a"} or b{c="', labels={"x": "back\\slash\nline"})

    asked = query(hostile, "shop")

    assert asked == r'ALERTS{alertname="a\"} or b{c=\"",alertstate="firing",x="back\\slash\nline"}'
    assert promql_batching.is_plain(asked)


@given(st.text(), st.text())
def test_query_with_any_text_stays_one_selector(name: str, value: str) -> None:
    asked = query(Alert.model_construct(name="errors", alert=name, labels={"x": value}), "shop")

    assert promql_batching.is_plain(asked) or "\r" in asked


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a\nb", ""])
def test_alert_name_that_needs_escapes_is_rejected(text: str) -> None:
    with pytest.raises(ValidationError):
        alert(alert=text)


@pytest.mark.parametrize("labels", [{"a-b": "c"}, {"1a": "c"}, {"a": 'c"d'}, {"a": "c\\d"}, {"a": "c\nd"}])
def test_label_that_needs_escapes_is_rejected(labels: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        alert(labels=labels)


@pytest.mark.parametrize("name", ["alertname", "alertstate", "__name__"])
def test_label_that_the_operator_sets_is_rejected(name: str) -> None:
    with pytest.raises(ValidationError, match=OWN_LABEL):
        alert(labels={name: "x"})


def test_alert_is_watched_as_a_query_without_series_as_zero() -> None:
    found = watch(source="other")

    assert isinstance(found.ask, AskMetric)
    assert (found.ask.source, found.ask.zero_where_absent, found.ask.worst) == ("other", True, "high")
    assert promql_batching.is_plain(found.ask.query)
    assert (found.period.total_seconds(), found.timing.no_data_after.total_seconds()) == (15, 300)


def test_alert_with_a_long_period_is_not_stale_between_two_queries() -> None:
    found = watch(period="10m")

    assert found.timing.no_data_after == 2 * found.period


def test_alert_of_an_influxdb_is_a_problem_of_the_source() -> None:
    found = problem(source="influx")

    assert found.field == "spec.alerts[0].source"
    assert found.message == "influx is no Prometheus: it answers InfluxQL and fires no alerts; name another source"


def test_alert_with_a_period_below_a_second_is_a_problem() -> None:
    found = problem(period="500ms")

    assert (found.field, found.message) == ("spec.alerts[0].period", "period must be at least 1s")


def test_problem_of_an_alert_makes_the_runbook_not_ready() -> None:
    shown = scene(period="500ms").look()

    ready = shown.condition("Ready")
    assert (ready.status, ready.reason) == ("False", "InvalidSpec")
    assert ready.message.startswith("spec.alerts[0].period: ")


def test_firing_alert_is_critical_at_once_and_names_its_labels() -> None:
    shown = scene().read("Alert", "errors", QUIET).look().after(seconds=15).read("Alert", "errors", FIRES).look()

    assert level(shown) == "Critical"
    assert shown.status.alerts[0].message == 'alert HighErrorRate fires: namespace="shop",pod="web-1"'
    assert (shown.status.alerts[0].reason, shown.status.alerts[0].series) == ("Firing", 'namespace="shop",pod="web-1"')


def test_firing_alert_without_further_labels_is_named_alone() -> None:
    bare = Reading(value=1, series='ALERTS{alertname="HighErrorRate",alertstate="firing"}')

    assert scene().read("Alert", "errors", bare).look().status.alerts[0].message == "alert HighErrorRate fires"


def test_labels_before_the_alert_name_end_without_a_comma() -> None:
    reading = Reading(value=1, series='ALERTS{a="say \\"alertname=\\"",alertname="HighErrorRate",alertstate="firing"}')

    said = scene().read("Alert", "errors", reading).look().status.alerts[0].message
    assert said == 'alert HighErrorRate fires: a="say \\"alertname=\\""'


def test_alert_that_stopped_firing_is_ok_after_a_minute() -> None:
    shown = scene().read("Alert", "errors", FIRES).look().after(seconds=15)

    assert level(shown.read("Alert", "errors", QUIET).look()) == "Critical"
    assert level(shown.after(seconds=60).read("Alert", "errors", QUIET).look()) == "Ok"
    assert shown.status.alerts[0].message == "alert HighErrorRate does not fire"
    assert shown.status.alerts[0].reason == "NotFiring"


def test_source_that_does_not_answer_makes_a_firing_alert_stale() -> None:
    down = Reading(reason="Refused", message="metric source default refuses connections")

    shown = scene().read("Alert", "errors", FIRES).look().after(seconds=15).last("Alert", "errors", down, minutes=6)

    assert (level(shown), shown.status.alerts[0].known) == ("Stale", "Critical")
    assert shown.status.alerts[0].message == "no data for 5m: metric source default refuses connections"


def test_firing_alert_makes_the_runbook_unhealthy() -> None:
    healthy = scene().read("Alert", "errors", FIRES).look().condition("Healthy")

    assert (healthy.status, healthy.reason) == ("False", "Unhealthy")
    said = 'alert errors is Critical: alert HighErrorRate fires: namespace="shop",pod="web-1"'
    assert healthy.message == said


def test_event_about_a_firing_alert_has_the_likely_cause() -> None:
    shown = scene().read("Alert", "errors", QUIET).look().after(seconds=15).read("Alert", "errors", FIRES).look()

    assert [one for one in shown.messages if "likely cause: Deployment" in one and one.startswith("Critical: ")]


def test_firing_alert_engages_no_switch() -> None:
    shown = scene().read("Alert", "errors", FIRES).look()

    assert shown.heard() == {}


def test_runbook_that_does_not_parse_keeps_the_status_of_its_alerts() -> None:
    shown = scene().read("Alert", "errors", FIRES).look()
    before = shown.status.alerts

    shown.edit(alerts=[ERRORS | {"period": "no time"}]).look()

    assert shown.runbook.spec is None
    assert shown.status.alerts == before
