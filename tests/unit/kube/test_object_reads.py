"""What is asked of the API server before a decision, and what its answers come to.

`PagedKube` answers the lists that it is given, page by page, and 404 to all else.
"""

import pytest

from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.queries import Find
from runbook_operator.core.references import Ref
from runbook_operator.kube import errors
from runbook_operator.kube.discovery import Paths
from runbook_operator.kube.object_reads import find, read_target
from tests.builders import NAMESPACE, Simulation
from tests.fakes.paged_kube import PagedKube
from tests.fakes.serving_kube import ServingKube
from tests.fakes.space_kube import SpaceKube
from tests.scaling import budget, hpa

AUTOSCALERS = Find("autoscaling/v2", "HorizontalPodAutoscaler", NAMESPACE)
BUDGETS = Find("policy/v1", "PodDisruptionBudget", NAMESPACE)


async def test_unserved_kind_has_no_objects() -> None:
    assert await find(Paths(PagedKube()), Find("keda.sh/v1alpha1", "ScaledObject", NAMESPACE)) == ()
    assert await find(Paths(PagedKube()), BUDGETS) == ()


async def test_namespace_is_read_by_its_reference() -> None:
    kube, ref = SpaceKube(), Ref("v1", "Namespace", NAMESPACE, NAMESPACE)

    observed = await read_target(Paths(kube), ref)

    assert isinstance(observed, ObservedObject)
    assert (observed.ref, observed.body["metadata"]["labels"]) == (ref, {"istio-injection": "enabled"})
    assert kube.asked == [f"/api/v1/namespaces/{NAMESPACE}"]


async def test_unserved_kind_is_not_requested_until_discovery_is_stale() -> None:
    kube, time = ServingKube("apps/v1"), [0.0]
    paths = Paths(kube, monotonic=lambda: time[0])
    scaled = Ref("keda.sh/v1alpha1", "ScaledObject", NAMESPACE, "")
    assert await paths.resource(scaled, surely=False) is None
    await paths.refresh()
    asked = len(kube.asked)
    assert await paths.resource(scaled, surely=False) is None
    assert len(kube.asked) == asked

    kube.served.append("keda.sh/v1alpha1")
    time[0] = paths.fresh_seconds + 1
    found = await paths.resource(scaled, surely=False)

    assert found is not None
    assert found.plural == "scaledobjects"


async def test_list_that_expires_midway_is_an_error() -> None:
    found = await find(Paths(PagedKube(hpa(), hpa(name="other"))), AUTOSCALERS)
    assert isinstance(found, tuple)
    assert [one["metadata"]["name"] for one in found] == ["web", "other"]
    with pytest.raises(errors.NotFoundError):
        await find(Paths(PagedKube(hpa(), None)), AUTOSCALERS)


def test_listed_object_needs_no_read() -> None:
    simulation = Simulation().with_object(hpa()).with_object(budget())
    simulation.with_runbook()
    snapshot = simulation.snapshot(answers={query: simulation.answer(query) for query in (AUTOSCALERS, BUDGETS)})

    found = snapshot.require(Ref(BUDGETS.api_version, BUDGETS.kind, NAMESPACE, "web"), whole=True)

    assert found.ref.kind == BUDGETS.kind
    assert snapshot.listed(Ref(BUDGETS.api_version, BUDGETS.kind, NAMESPACE, "other")) is None
    assert snapshot.listed(Ref(BUDGETS.api_version, BUDGETS.kind, "elsewhere", "web")) is None
