"""Engaged waits for what a gateway's controller reports on what was written, and a refusal stalls the switch."""

from typing import Any

import pytest

from runbook_operator.core.references import Ref
from runbook_operator.switches.requeue import due
from tests import traffic
from tests.builders import NAMESPACE, Body, Simulation, condition, scale
from tests.unit.actions.traffic import WORLDS, block, limit, namespace, remarks

POLICY = Ref("gateway.envoyproxy.io/v1alpha1", "BackendTrafficPolicy", NAMESPACE, "shop-stop-web-limit")
PLUGIN = Ref("configuration.konghq.com/v1", "KongPlugin", NAMESPACE, "shop-stop-web-limit")
ROUTE = Ref("gateway.networking.k8s.io/v1", "HTTPRoute", NAMESPACE, "web")
CONFLICT = {"reason": "Conflicted", "message": "another policy is older"}


def unreported(name: str, kind: str, status: Body | None = None) -> Simulation:
    """A limit by the mechanism, thrown, of which the controller reports `status`."""
    simulation = namespace(*WORLDS[name], stop=limit(name))
    simulation.reports = {kind: {"status": status or {}}}
    return simulation.throw().drive()


def reports(simulation: Simulation, ref: Ref, status: Body) -> None:
    simulation.change(ref, {"status": status}).drive()


def policy_status(status: str = "True", **rest: Any) -> Body:
    return {"ancestors": [traffic.reported(status=status, **rest)]}


def ready(simulation: Simulation) -> tuple[str, str, str]:
    return condition(simulation.status(), "Ready")


def test_policy_without_a_report_is_not_engaged_and_stalls_after_the_timeout() -> None:
    simulation = unreported("EnvoyGateway", "BackendTrafficPolicy")

    assert simulation.status().phase == "Engaging"
    assert ready(simulation)[1] == "NotVerified"
    assert "was written, and its controller has not reported Accepted yet; see kubectl get" in ready(simulation)[2]
    simulation.after(minutes=2).drive()
    assert simulation.status().phase == "Stalled"
    reports(simulation, POLICY, policy_status())
    assert simulation.status().phase == "Engaged"


def test_refused_policy_stalls_with_the_controllers_reason_until_accepted() -> None:
    simulation = unreported("EnvoyGateway", "BackendTrafficPolicy", policy_status("False", **CONFLICT))

    assert simulation.status().phase == "Stalled"
    assert ready(simulation)[1] == "NotAccepted"
    assert f"{traffic.EG} reports Accepted=False: Conflicted: another policy is older" in ready(simulation)[2]
    reports(simulation, POLICY, policy_status())
    assert simulation.status().phase == "Engaged"


def test_policy_refused_later_stalls_an_engaged_switch() -> None:
    simulation = unreported("EnvoyGateway", "BackendTrafficPolicy", policy_status())
    assert simulation.status().phase == "Engaged"

    reports(simulation, POLICY, policy_status("False", **CONFLICT))

    assert (simulation.status().phase, ready(simulation)[1]) == ("Stalled", "NotAccepted")


def test_policy_report_on_an_older_generation_is_ignored() -> None:
    simulation = unreported("EnvoyGateway", "BackendTrafficPolicy")

    simulation.change(POLICY, {"metadata": {"generation": 2}}).drive()

    reports(simulation, POLICY, policy_status(observedGeneration=1))
    assert simulation.status().phase == "Engaging"
    reports(simulation, POLICY, policy_status(observedGeneration=2))
    assert simulation.status().phase == "Engaged"


def test_two_routes_are_written_before_waiting_for_reports() -> None:
    routes = [traffic.http_route(name) for name in ("a", "b")]
    for one in routes:
        one["metadata"]["generation"] = 2
        one["status"]["parents"] = [traffic.reported(observedGeneration=1)]
    accepted = traffic.http_route("c")
    simulation = namespace(*routes, accepted, stop=block("HTTPRoute")).throw().drive()

    assert ["backendRefs" in simulation.live("HTTPRoute", name)["spec"]["rules"][0] for name in "abc"] == [False] * 3
    assert simulation.status().phase == "Engaging"


def test_deleted_route_is_not_waited_for() -> None:
    routes = [traffic.http_route(name) for name in ("a", "b")]
    simulation = namespace(*routes, stop=block("HTTPRoute")).throw().drive()

    simulation.remove(Ref(ROUTE.api_version, ROUTE.kind, NAMESPACE, "a"))

    assert due(simulation.looked()) is None
    assert simulation.drive().status().phase == "Engaged"


def test_route_accepted_by_one_of_two_gateways_is_in_force() -> None:
    route = traffic.http_route()
    route["status"]["parents"].append(traffic.reported("example.org/other", "False", **CONFLICT))

    assert namespace(route, stop=block("HTTPRoute")).throw().drive().status().phase == "Engaged"


def test_route_no_longer_accepted_by_any_gateway_stalls() -> None:
    simulation = namespace(traffic.http_route(), stop=block("HTTPRoute")).throw().drive()

    reports(simulation, ROUTE, {"parents": [traffic.reported(status="False", **CONFLICT)]})

    assert (simulation.status().phase, ready(simulation)[1]) == ("Stalled", "NotAccepted")


def programmed(status: str, reason: str) -> Body:
    return {"conditions": [{"type": "Programmed", "status": status, "reason": reason, "message": "see the log"}]}


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        ({}, "Engaged"),
        (programmed("True", "Programmed"), "Engaged"),
        (programmed("Unknown", "Pending"), "Engaging"),
        (programmed("False", "Pending"), "Engaging"),
        (programmed("False", "Invalid"), "Stalled"),
    ],
)
def test_plugin_of_a_reporting_kong_is_waited_for(status: Body, phase: str) -> None:
    assert unreported("Kong", "KongPlugin", status).status().phase == phase


def test_refused_plugin_names_kong_in_the_message() -> None:
    simulation = unreported("Kong", "KongPlugin", programmed("False", "Invalid"))

    assert ready(simulation)[2].endswith("its controller reports Programmed=False: Invalid: see the log")


def test_deleted_policy_is_created_again_before_its_report_is_judged() -> None:
    simulation = unreported("EnvoyGateway", "BackendTrafficPolicy", policy_status())

    simulation.remove(POLICY).drive()

    assert simulation.status().phase == "Engaged"
    assert POLICY in simulation.objects


@pytest.mark.parametrize("name", ["Istio", "Traefik", "Kong", "Ingress"])
def test_mechanism_without_reports_is_engaged_with_a_manual_check(name: str) -> None:
    for action in (limit(name), block(name)):
        simulation = namespace(*WORLDS[name], stop=action).throw().drive()

        assert [one for one in remarks(simulation) if one.startswith("Unverifiable") and "check by hand: " in one]


def test_verified_block_needs_no_manual_check() -> None:
    gateway = traffic.service("gateway")
    action = block("Traefik", verify={"path": "/", "service": "gateway"})
    simulation = namespace(traffic.service(), gateway, *WORLDS["Traefik"], stop=action).throw().drive()

    assert not [one for one in remarks(simulation) if one.startswith("Unverifiable")]


def test_action_after_a_refused_policy_waits_unless_continue_on_failure() -> None:
    for passes, replicas in ((False, 3), (True, 0)):
        simulation = namespace(*WORLDS["EnvoyGateway"])
        simulation.reports = {"BackendTrafficPolicy": {"status": policy_status("False", **CONFLICT)}}
        entry = {"name": "stop", "actions": [limit("EnvoyGateway"), scale(replicas=0)], "continueOnFailure": passes}
        simulation.with_runbook(targets=[traffic.TARGET], killSwitches=[entry]).throw().drive()

        assert simulation.replicas == replicas
