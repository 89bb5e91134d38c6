"""A Rig with an idle, prepared switch whose watch may be late. Left out: what Rig leaves out."""

from typing import Any

from runbook_operator.api.switch import FINALIZER, SwitchStatus
from runbook_operator.core.references import MANAGER
from runbook_operator.kube import errors
from tests.builders import WEB, workload_body
from tests.fakes.faulty_kube import DEPLOYMENT, SWITCH, Body, at, failing
from tests.fakes.rig import STOP, Rig

SCALE = f"{DEPLOYMENT}/scale"

STATUS = f"{SWITCH}/status"


class Rest:
    """`shop-stop` at rest and prepared by a leader that has read all there is."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.kube, self.store = rig, rig.kube, rig.store
        self.asked: list[tuple[str, str]] = []
        self.said = 1
        self._request, self.kube.request = self.kube.request, self._noted  # type: ignore[method-assign] # see above

    @classmethod
    async def made(cls, **spec: Any) -> "Rest":
        rig = Rig(**spec)
        rig.release()
        status = await rig.visit()
        assert status.prepared
        rig.reconciler.executor.reader.read_versions.listing()(WEB, "1")
        rest = cls(rig)
        rest.asked.clear()
        return rest

    async def _noted(self, method: str, path: str, **rest: Any) -> Body:
        if "dryRun" not in (rest.get("query") or {}):
            self.asked.append((method, path))
        return await self._request(method, path, **rest)

    def say(self, *, engaged: bool | None, heard: bool = True) -> Body:
        """A person's patch, with the finalizer as admission puts it on; whether the operator hears of it."""
        self.said += 1
        marked = [FINALIZER] if engaged else self.kube.objects[SWITCH]["metadata"].get("finalizers", [])
        meta = {"generation": self.said, "finalizers": marked}
        body = self.kube._patched(SWITCH, {"metadata": meta, "spec": {"engaged": engaged}})
        if heard:
            self.store.put(body)
        return body

    def delete(self) -> None:
        meta = {"generation": self.said, "deletionTimestamp": "2026-11-24T03:00:00Z"}
        self.store.put(self.kube._patched(SWITCH, {"metadata": meta}))

    async def cut_off(self) -> None:
        """The leader ends after its write to the target; another one leads, whose watch has seen nothing of that."""
        before = dict(self.kube.objects[DEPLOYMENT])
        self.kube.after = at(SCALE, failing(errors.NotLeadingError("killed right after the write")))
        await self.rig.visit()
        assert self.kube.replicas == 0
        assert self.kube.objects[SWITCH]["status"].get("record") is None
        version = self.kube.objects[DEPLOYMENT]["metadata"]["resourceVersion"]
        self.kube.objects[DEPLOYMENT] = workload_body(0, version=version, manager=MANAGER)
        switch = self.store.switches[STOP]
        self.store.drop(STOP, switch.meta.uid)
        self.store.put(self.kube.objects[SWITCH])
        self.rig.restart_with(before)
        self.asked.clear()

    async def visit(self) -> SwitchStatus:
        return await self.rig.visit()

    def writes(self) -> list[str]:
        return [path for method, path in self.asked if method == "PATCH"]

    def reads(self) -> list[str]:
        return [path for method, path in self.asked if method == "GET" and path in (SWITCH, DEPLOYMENT)]
