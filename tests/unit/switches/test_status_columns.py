"""The columns of `kubectl get switches`: what is held, whose override is in force and why, and what is unusual."""

import pytest

from runbook_operator.api.conditions import clock
from runbook_operator.api.printer_columns import Columns
from tests.builders import Body, Simulation, kill_switch, scale

LONG = "INC-42: the payment provider charges twice"
MOMENTARY = kill_switch("stop", scale(by=2), momentary=True)


def ready(**spec: object) -> Simulation:
    return Simulation().with_runbook(**spec).with_target(3).drive()


def columns(simulation: Simulation) -> Columns:
    return simulation.status().columns


def messages(simulation: Simulation, reason: str) -> list[str]:
    return [one.message for one in simulation.said if one.reason == reason and one.about.kind == "Switch"]


@pytest.mark.parametrize(
    ("actions", "shown"),
    [
        ([scale(target="payments-backend", replicas=0)], "scale payments-bac… to 0"),
        ([scale(target="payments-backend", by=2)], "scale payments-ba… by +2"),
        ([scale(target="payments-backend", replicas=0), {"restart": {"target": "web"}}], "scale payments-ba… to 0…"),
        ([{"restart": {"target": "payments-backend-of-shop"}}], "restart payments-backen…"),
        ([{"rateLimit": {"target": "payments-backend", "requests": 100, "per": "Minute"}}], "rate… to 100 per Minute"),
    ],
)
def test_long_action_is_shown_with_its_value(actions: list[Body], shown: str) -> None:
    targets = [{"name": name, "workload": {"name": name}} for name in ("web", "payments-backend")]
    targets.append({"name": "payments-backend-of-shop", "workload": {"name": "it"}})
    entry = kill_switch("stop", *actions)

    assert columns(Simulation().with_runbook(targets=targets, killSwitches=[entry]).drive()).does == shown


def test_idle_switch_shows_its_actions_and_no_trouble() -> None:
    assert columns(ready()) == Columns(does="scale web to 0", automatic="Automatic")


def test_engaged_switch_of_an_edited_runbook_shows_the_held_value() -> None:
    simulation = ready().throw().drive().with_runbook(killSwitches=[kill_switch("stop", scale(replicas=1))]).drive()

    assert columns(simulation).does == "scale web to 0"
    assert columns(simulation).message.startswith("the Runbook now declares: scale web to 1.")
    assert columns(simulation.release().drive()).does == "scale web to 1"


def test_contested_switch_shows_the_contest_in_its_message() -> None:
    simulation = ready().throw().drive().someone_sets(2).drive()

    assert "kubectl-scale changes Deployment/web, which the switch holds at 0" in columns(simulation).message


def test_stalled_switch_shows_its_failure_in_its_message() -> None:
    simulation = Simulation().with_runbook().without_target().drive().throw().drive()

    assert columns(simulation).message == "Deployment/web does not exist in namespace shop"


def test_long_texts_are_cut() -> None:
    actions = [scale(replicas=0), {"restart": {"target": "web"}}]
    simulation = ready(killSwitches=[kill_switch("stop", *actions)]).throw(reason=LONG).drive()

    assert columns(simulation).does == "scale web to 0; restart…"
    assert columns(simulation).why == "INC-42: the payment…"
    assert simulation.status().does == "scale web to 0; restart web"


def test_override_with_an_end_shows_its_time() -> None:
    assert columns(ready().throw(expires_after="30m").drive()).until == "03:30Z"
    assert columns(ready().throw(expires_after="1d").drive()).until == "11-25 03:00Z"


@pytest.mark.parametrize(
    ("at", "shown"), [("2026-11-24T05:59:00+02:00", "03:59Z"), ("2026-11-25T03:00:00Z", "11-25 03:00Z")]
)
def test_time_of_another_day_is_shown_with_its_date(at: str, shown: str) -> None:
    assert clock(at, "2026-11-24T03:00:00.5Z") == shown


def test_silence_shows_its_own_reason_and_author() -> None:
    simulation = ready().monitor_state("Engage").drive()
    assert (columns(simulation).by, columns(simulation).why) == ("Metric error-rate", "12% > 10%")
    assert columns(simulation).automatic == "Engaged"

    simulation.say(engaged=False, reason="the fallback").drive()

    shown = columns(simulation)
    assert (shown.by, shown.why, shown.automatic, shown.until) == (
        "kubectl-patch",
        "the fallback",
        "Silenced",
        "07:00Z",
    )
    assert shown.message == (
        "kubectl-patch holds it released until 2026-11-24T07:00:00Z (the fallback); Metric error-rate would engage it"
    )


def test_silence_of_an_engaged_switch_is_an_event_and_its_restore_names_the_author() -> None:
    simulation = ready().monitor_state("Engage").drive().say(engaged=False, reason="the fallback").drive()
    simulation.someone_sets(4).annotate().drive()

    (silenced,) = messages(simulation, "Silenced")
    assert silenced == (
        "shop-stop: kubectl-patch holds it released until 2026-11-24T07:00:00Z (the fallback); "
        "Metric error-rate would engage it"
    )
    (restored,) = messages(simulation, "Restored")
    assert restored.startswith("shop-stop released by kubectl-patch (the fallback): Deployment/web back to 3; ")
    assert "; Metric error-rate had engaged it [" in restored
    assert simulation.status().history[0].released_by == "kubectl-patch"


def test_silence_of_an_idle_switch_is_one_event() -> None:
    simulation = ready().monitor_state("Release").silence().drive().monitor_state("Engage").drive()

    assert messages(simulation, "Silenced") == ["shop-stop: kubectl-patch holds it released until 2026-11-24T07:00:00Z"]
    assert messages(simulation.silence(expires_after="1h").drive(), "Silenced")[1:] == [
        "shop-stop: kubectl-patch holds it released until 2026-11-24T04:00:00Z; Metric error-rate would engage it"
    ]


def test_silence_without_known_author_names_the_ended_engagement() -> None:
    simulation = ready().throw().drive().silence().forget_who_said_it().drive()

    (restored,) = messages(simulation, "Restored")
    text = (
        "released by a client that the API server does not name: Deployment/web back to 3; kubectl-patch had engaged it"
    )
    assert restored.startswith(f"shop-stop {text}")


def test_automatic_is_a_dash_for_a_momentary_switch() -> None:
    simulation = ready(killSwitches=[MOMENTARY])

    assert columns(simulation).automatic == "-"
    assert columns(simulation.throw().drive()).automatic == "-"


def test_automatic_column_is_unchanged_by_a_manual_throw() -> None:
    assert columns(ready().throw().drive()).automatic == "Automatic"
    assert columns(ready(killSwitches=[kill_switch("stop", automatic=False)]).throw().drive()).automatic == "Manual"


def test_rehearsal_is_shown_with_its_message() -> None:
    shown = columns(ready(mode="Observe").throw().drive())

    assert (shown.by, shown.why) == ("kubectl-patch", "INC-42")
    assert shown.message.startswith("thrown in mode Observe at 2026-11-24T03:00:00Z by kubectl-patch: a rehearsal")


def test_reason_left_by_an_earlier_throw_is_marked() -> None:
    simulation = ready().throw().drive().say(engaged=None, reason="INC-42").drive()
    assert columns(simulation).message == ""

    shown = columns(simulation.say(engaged=True, reason="INC-42").drive())

    assert shown.why == ""
    assert shown.message == (
        "spec.reason (INC-42) was set for an earlier throw, so it is not reported for this one: set a new reason, and "
        'at the release set "engaged":null,"reason":null'
    )


def test_closed_gate_is_shown_in_the_message() -> None:
    nightly = {"name": "nightly", "schedule": "0 2 * * *", "duration": "2h"}
    simulation = ready(automation={"maintenanceWindows": [nightly]}).monitor_state("Engage").drive()

    assert columns(simulation).automatic == "MaintenanceWindow"
    assert columns(simulation).message.startswith("blocked: maintenance window nightly is open until")


def test_released_switch_held_by_a_dependency_shows_dependency_and_command() -> None:
    simulation = ready().throw(reason="INC-42").drive().monitor_state("Engage").drive().release().drive()

    shown = columns(simulation)
    assert (shown.automatic, shown.why) == ("Engaged", "12% > 10%")
    assert shown.by == "Metric error-rate"
    assert shown.message == (
        "the throw has ended, and Metric error-rate keeps the switch engaged. To release it: kubectl -n shop patch "
        """switch shop-stop --type merge -p '{"spec":{"engaged":false,"expiresAfter":"1h"}}'"""
    )
    assert simulation.silence(expires_after="1h").drive().replicas == 3


def test_contested_switch_that_a_dependency_holds_advises_a_silence() -> None:
    simulation = ready().monitor_state("Engage").drive().someone_sets(2).drive()

    assert '"engaged":false,"expiresAfter":"1h"' in columns(simulation).message
    assert '"engaged":null' not in columns(simulation).message
