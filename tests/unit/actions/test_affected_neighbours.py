"""Services and workloads beside the target's: which traffic goes round a block, and who else is hit."""

from typing import Any

import pytest

from runbook_operator.actions.traffic import affected_neighbours
from runbook_operator.core.queries import Denied, Find, Query
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.steps import WriteTarget
from runbook_operator.switches.action_planning import plan_context
from tests import traffic
from tests.builders import Body, workload_body
from tests.unit.actions.traffic import (
    GONE,
    WORLDS,
    Namespace,
    action,
    block,
    limit,
    namespace,
    remarks,
)

SECOND = traffic.service("web-headless", selector={"app": "web"}, clusterIP="None")
ROUND = "Service/web-headless may lead to the same pods as Service/web"
AT_SERVICE = ["ServiceSelector", "HTTPRoute", "EnvoyGateway", "Traefik", "Kong", "Ingress"]
LISTED = Find("v1", "Service", "shop")


def labelled(name: str, **labels: str) -> Body:
    return workload_body(1, template={"metadata": {"labels": {"app": "web"} | labels}}) | {
        "metadata": {"name": name, "uid": f"uid-{name}", "namespace": "shop", "resourceVersion": "1"}
    }


def objects(name: str) -> tuple[Body, ...]:
    found = WORLDS[name]
    return found if any(one["kind"] == "Service" for one in found) else (traffic.service(), *found)


def thrown(name: str, *more: Body, act: Body | None = None) -> list[str]:
    simulation = namespace(*objects(name), *more, stop=act or action(name))
    simulation.query_supply = GONE
    assert simulation.throw().drive().status().phase == "Engaged"
    return remarks(simulation)


def bypasses(found: list[str]) -> list[str]:
    return [one for one in found if "bypass the block or the limit" in one]


@pytest.mark.parametrize("name", AT_SERVICE)
def test_second_service_over_the_same_pods_is_named(name: str) -> None:
    (text,) = bypasses(thrown(name, SECOND))

    assert text.startswith(f"TrafficBypass: {ROUND}: requests through another Service")


def test_second_service_over_the_same_pods_bypasses_a_rate_limit() -> None:
    assert bypasses(thrown("Traefik", SECOND, act=limit("Traefik")))


@pytest.mark.parametrize("name", ["Istio", "NetworkPolicy"])
def test_pod_level_mechanism_reports_no_bypass_by_a_second_service(name: str) -> None:
    assert bypasses(thrown(name, SECOND)) == []


@pytest.mark.parametrize(
    ("selector", "rest", "leads"),
    [
        ({"app": "web", "version": "v1"}, {}, True),
        ({"tier": "front"}, {}, True),
        ({"app": "api"}, {}, False),
        ({"app": "web", "runbooks.dev/blocked": "shop-other"}, {}, False),
        (None, {}, False),
        ({"app": "web"}, {"type": "ExternalName"}, False),
    ],
)
def test_service_is_named_where_its_selector_may_choose_the_same_pods(
    selector: Body | None,
    rest: Body,
    leads: bool,  # noqa: FBT001 # the outcome of a row
) -> None:
    other = traffic.service("other", selector=selector, **rest)
    simulation = namespace(labelled("web", tier="front"), traffic.service(), other, stop=block()).throw().drive()

    assert bool(bypasses(remarks(simulation))) == leads


def test_all_second_services_are_reported_once_in_one_remark() -> None:
    simulation = namespace(traffic.service(), SECOND, traffic.service("a", selector={"app": "web"}), stop=block())
    simulation.throw().drive().after(seconds=5).drive()

    (text,) = bypasses(remarks(simulation))
    assert "Service/a, Service/web-headless may lead" in text
    assert [one.reason for one in simulation.said].count(Reason.TRAFFIC_BYPASS) == 2


def test_other_workloads_behind_the_service_are_named() -> None:
    found = thrown("ServiceSelector", labelled("web-v1", version="v1"), labelled("web-v3", version="v3"))

    (text,) = found
    assert text.startswith(
        "OthersAffected: Service/web also leads to pods of Deployment/web-v1, Deployment/web-v3, which"
    )


def test_target_without_workload_reports_no_other_workloads() -> None:
    simulation = namespace(traffic.service(), SECOND, labelled("web-v1"), stop=block())
    simulation.with_runbook(
        targets=[{"name": "web", "service": {"name": "web"}}], killSwitches=[{"name": "stop", "actions": [block()]}]
    )

    found = remarks(simulation.throw().drive())

    assert bypasses(found)
    assert len(found) == 1


def test_neighbours_are_listed_only_after_the_first_write() -> None:
    simulation = namespace(traffic.service(), SECOND, stop=block())
    simulation.throw()
    while not any(isinstance(step, WriteTarget) for step in simulation.steps):
        assert LISTED not in simulation.asked
        simulation.drive(at_most=1)
    simulation.drive()
    assert LISTED in simulation.asked


class Unlisted(Namespace):
    """One whose Services may not be listed."""

    def answer(self, query: Query) -> Any:
        return Denied(Reason.FORBIDDEN, "no") if query == LISTED else super().answer(query)


def test_forbidden_service_list_does_not_stop_a_block() -> None:
    simulation = Unlisted()
    for one in (workload_body(3), traffic.service(), SECOND):
        simulation.with_object(one)
    simulation.with_runbook(targets=[traffic.TARGET], killSwitches=[{"name": "stop", "actions": [block()]}])

    simulation.drive().throw().drive()

    assert simulation.status().phase == "Engaged"
    assert remarks(simulation) == []


def test_action_without_writes_has_no_neighbours() -> None:
    simulation = namespace(traffic.service(), SECOND, stop=block()).throw().drive()
    record = simulation.status().record
    assert record is not None

    assert affected_neighbours.remarks(plan_context(simulation.looked(), record.replace(actions=[]), 0)) == ()
