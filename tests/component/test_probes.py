"""A Runbook's own writes to a workload, with the faults that a real API server cannot be told to make."""

from datetime import timedelta
from typing import Any

import pytest

from runbook_operator.api.probe_status import ProbeStatus
from runbook_operator.api.switch import FINALIZER
from runbook_operator.kube import errors
from tests.builders import NAMESPACE, Body, runbook_body
from tests.component.test_faults import DEPLOYMENT, Rig, at, failing
from tests.probing import RUNBOOK, container, endpoint, get, service, workload

OWN = f"/apis/runbooks.dev/v1alpha1/namespaces/{NAMESPACE}/runbooks/shop"
SERVICE = f"/api/v1/namespaces/{NAMESPACE}/services/web"
TARGETS = [{"name": "web", "workload": {"name": "web"}, "service": {"name": "web"}}]
SET = get("/health/ready")


class Probing:
    """A Rig whose Runbook enforces the readiness probe of a Deployment that has another one."""

    def __init__(self, **spec: Any) -> None:
        self.spec: dict[str, Any] = {"healthEndpoints": [endpoint(enforce=True)], "targets": TARGETS} | spec
        self.rig = Rig(**self.spec)
        self.rig.kube.objects |= {
            OWN: runbook_body(**self.spec),
            SERVICE: service(),
            DEPLOYMENT: workload(container(readinessProbe=get())),
        }

    async def visit(self) -> ProbeStatus:
        """One visit, an hour after the one before."""
        self.rig.time += timedelta(hours=1)
        await self.rig.reconciler.visit(RUNBOOK)
        (told,) = self.rig.store.runbooks[RUNBOOK].status.probes
        return told

    def declares(self, *endpoints: Body) -> None:
        patch = {"metadata": {"generation": 2}, "spec": {"healthEndpoints": list(endpoints)}}
        self.rig.store.put(self.rig.kube._patched(OWN, patch))

    def edit(self, probe: Body) -> None:
        """Somebody writes the probe."""
        template = {"spec": {"containers": [container(readinessProbe=probe)]}}
        self.rig.kube._patched(DEPLOYMENT, {"metadata": {}, "spec": {"template": template}})

    @property
    def live(self) -> Any:
        (first,) = self.rig.kube.objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"]
        return first["readinessProbe"]

    @property
    def finalizers(self) -> list[str]:
        return list(self.rig.kube.objects[OWN]["metadata"].get("finalizers", []))

    @property
    def events(self) -> list[str]:
        """The reasons of what was said of the Deployment."""
        return [one["reason"] for one in self.rig.kube.events if one["involvedObject"]["kind"] == "Deployment"]


async def test_probe_is_set_and_restored_with_events_on_the_workload() -> None:
    probing = Probing()

    told = await probing.visit()
    assert (told.reason, probing.live, probing.finalizers) == ("ProbeEnforced", SET, [FINALIZER])

    probing.declares(endpoint())
    told = await probing.visit()
    assert (told.reason, probing.live, probing.finalizers) == ("ProbeDrift", get(), [])
    assert probing.events == ["ProbeDrift", "ProbeEnforced", "ProbeRestored", "ProbeDrift"]


async def test_probe_changed_during_the_write_is_saved_again() -> None:
    probing = Probing()
    probing.rig.kube.fault = at(DEPLOYMENT, lambda: probing.edit(get("/else")))

    told = await probing.visit()

    assert (probing.live, [one.saved for one in told.held]) == (SET, ["/else"])


@pytest.mark.parametrize("error", [errors.ForbiddenError("403"), errors.RefusedError("422")])
async def test_refused_probe_write_is_reported_and_the_runbook_continues(error: errors.ApiError) -> None:
    probing = Probing()
    probing.rig.kube.fault = at(DEPLOYMENT, failing(error))

    told = await probing.visit()

    assert (told.reason, probing.live) == (error.reason, get())
    assert told.message.startswith(str(error))
    assert probing.rig.store.runbooks[RUNBOOK].status.observed_generation == 1
    assert (await probing.visit()).reason == "ProbeEnforced"


async def test_refused_finalizer_is_reported_and_the_runbook_continues() -> None:
    probing = Probing()
    probing.rig.kube.fault = at(OWN, failing(errors.ForbiddenError("403 patch runbooks")))

    told = await probing.visit()

    assert (told.reason, probing.live, probing.finalizers) == ("MissingRights", get(), [])
    assert probing.rig.store.runbooks[RUNBOOK].status.observed_generation == 1
    assert (await probing.visit()).reason == "ProbeEnforced"


async def test_probe_write_with_a_lost_answer_is_read_back() -> None:
    probing = Probing()
    probing.rig.kube.after = at(DEPLOYMENT, failing(errors.UnavailableError("no answer")))
    written = []
    probing.rig.kube.fault = lambda _method, path: written.append(path)

    told = await probing.visit()

    assert (told.reason, [one.saved for one in told.held], probing.live) == ("ProbeEnforced", ["/ready"], SET)
    assert written.count(DEPLOYMENT) == 1


async def test_leader_with_a_late_watch_does_not_restore_a_probe_again() -> None:
    probing = Probing()
    await probing.visit()
    probing.declares(endpoint())
    observed: list[Body] = []
    probing.rig.kube.fault = at(DEPLOYMENT, lambda: observed.append(probing.rig.kube.objects[OWN]))
    await probing.visit()
    assert probing.live == get()
    probing.edit(SET)

    # Its watch shows the Runbook as it was right before the probe was put back.
    (late,) = observed
    del probing.rig.store.runbooks[RUNBOOK]
    probing.rig.store.put(late)
    probing.rig.reconciler.executor.lead()
    await probing.visit()

    assert probing.live == SET


async def test_deleted_deployment_ends_the_probe_writes() -> None:
    probing = Probing()
    probing.rig.kube.fault = at(DEPLOYMENT, probing.rig.kube.delete_deployment)

    told = await probing.visit()

    assert told.reason == "TargetNotFound"
