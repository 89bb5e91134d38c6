"""A Rig with a Runbook whose endpoint is a container's probe. Left out: what Rig leaves out."""

from datetime import timedelta
from typing import Any

from runbook_operator.api.probe_status import ProbeStatus
from tests.builders import NAMESPACE, Body, runbook_body
from tests.fakes.faulty_kube import DEPLOYMENT
from tests.fakes.rig import Rig
from tests.probing import RUNBOOK, container, endpoint, get, service, workload

OWN = f"/apis/runbooks.dev/v1alpha1/namespaces/{NAMESPACE}/runbooks/shop"

SERVICE = f"/api/v1/namespaces/{NAMESPACE}/services/web"

TARGETS = [{"name": "web", "workload": {"name": "web"}, "service": {"name": "web"}}]


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
