"""Random lives of two switches on one Deployment, on the real API server, against a model of ten lines."""

from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.e2e import api
from tests.e2e.harness import Cluster, Operator, deployment, eventually, fresh_namespace, runbook

HELD = {"half": 1, "stop": 0}
SWITCHES = st.sampled_from(sorted(HELD))
QUICK = {"RUNBOOK_REAPPLY_FIRST_SECONDS": "0.02", "RUNBOOK_REAPPLY_LONGEST_SECONDS": "0.05"}
EXAMPLES, STEPS = 6, 15


class Life(RuleBasedStateMachine):
    """`engaged` is in the order of the throws; what nobody holds is what people set last. Logs go into `folder`.

    `there` is whether the Deployment exists. The lease is in a namespace that stays.
    """

    folder: ClassVar[Path]

    @initialize()
    def begin(self) -> None:
        self.home = fresh_namespace()
        self.lease = self.home.__enter__()
        self.open()

    def open(self) -> None:
        """A namespace with an operator, the Deployment and the Runbook, and nothing engaged."""
        self.space = fresh_namespace()
        self.cluster = Cluster(self.space.__enter__())
        self.engaged: list[str] = []
        self.own, self.there = 3, True
        self.operator = Operator(
            self.cluster.namespace,
            self.folder / self.cluster.namespace,
            RUNBOOK_LEASE_NAMESPACE=self.lease,
            **QUICK,  # type: ignore[arg-type] # all are strings
        )
        self.operator.start()
        self.cluster.apply(deployment())
        self.declare()

    def declare(self) -> None:
        entries = [{"name": n, "actions": [{"scale": {"target": "web", "replicas": r}}]} for n, r in HELD.items()]
        self.cluster.apply(runbook(killSwitches=entries, scaling=[]))
        for name in HELD:
            self.cluster.until_reason("switch", f"shop-{name}", "Ready" if self.there else "TargetNotFound")

    @rule(name=SWITCHES)
    def throw(self, name: str) -> None:
        self.cluster.throw(f"shop-{name}")
        if name not in self.engaged:
            self.engaged.append(name)
        self.settle()

    @rule(name=SWITCHES)
    def release(self, name: str) -> None:
        self.cluster.release(f"shop-{name}")
        self.engaged = [one for one in self.engaged if one != name]
        self.settle()

    @precondition(lambda self: self.there)
    @rule(replicas=st.integers(0, 5))
    def scale(self, replicas: int) -> None:
        """A person scales: it lasts where nothing is held, and is put back where something is."""
        self.cluster.scale(replicas)
        if not self.engaged:
            self.own = replicas
        self.settle()

    @precondition(lambda self: self.there)
    @rule(name=SWITCHES, replicas=st.integers(2, 5))
    def crash_in_a_throw_that_is_fought(self, name: str, replicas: int) -> None:
        """Everything at once: nothing is waited for in between."""
        self.cluster.throw(f"shop-{name}")
        if name not in self.engaged:
            self.engaged.append(name)
        self.operator.kill()
        self.operator.start()
        self.settle()
        self.cluster.scale(replicas)
        self.settle()

    @rule()
    def crash(self) -> None:
        self.operator.kill()
        self.operator.start()
        self.settle()

    @precondition(lambda self: self.there)
    @rule()
    def delete_target(self) -> None:
        api.delete(api.path("deployment", self.cluster.namespace, "web"))
        eventually("the Deployment is gone", lambda: not api.items("deployment", self.cluster.namespace))
        self.there = False
        self.settle()

    @precondition(lambda self: not self.there)
    @rule(replicas=st.integers(2, 5))
    def make_target_again(self, replicas: int) -> None:
        """Another object of the name, at a value that no switch holds: it is saved anew, and held."""
        self.cluster.apply(deployment(replicas=replicas))
        self.own, self.there = replicas, True
        self.settle()

    @rule(is_down=st.booleans())
    def delete_runbook(self, *, is_down: bool) -> None:
        """It releases what is engaged, also where the operator comes back later only."""
        if is_down:
            self.operator.kill()
        api.delete(api.path("runbook", self.cluster.namespace, "shop"))
        if is_down:
            self.operator.start()
        self.engaged = []
        self.until_empty()
        if self.there:
            assert self.cluster.replicas() == self.own
        self.declare()

    @rule(is_down=st.booleans())
    def delete_namespace(self, *, is_down: bool) -> None:
        """It ends, whatever is engaged in it; life goes on in another one."""
        if is_down:
            self.operator.kill()
        self.space.__exit__(None, None, None)
        if is_down:
            self.operator.start()
        eventually("the namespace is gone", self.is_namespace_gone)
        self.operator.stop()
        self.open()

    def is_namespace_gone(self) -> bool:
        try:
            api.get(f"/api/v1/namespaces/{self.cluster.namespace}")
        except api.NotThereError:
            return True
        return False

    def until_empty(self) -> None:
        kinds = ("runbook", "switch")
        eventually("all is released", lambda: not any(api.items(kind, self.cluster.namespace) for kind in kinds))

    def settle(self) -> None:
        """The cluster comes to be what the model says; a switch without its target waits for it."""
        for name in HELD:
            if name not in self.engaged:
                self.cluster.until_phase(f"shop-{name}", "Released")
        if not self.there:
            return
        wanted = HELD[self.engaged[-1]] if self.engaged else self.own
        eventually(f"{wanted} replicas with {self.engaged} engaged", lambda: self.cluster.replicas() == wanted)
        for name in self.engaged:
            self.cluster.until_phase(f"shop-{name}", "Engaged")

    def teardown(self) -> None:
        if hasattr(self, "operator"):
            self.cluster.clear()
            self.operator.stop()
            self.space.__exit__(None, None, None)
            self.home.__exit__(None, None, None)


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("_crds")
def test_random_events_on_two_switches_match_the_model(tmp_path: Path) -> None:
    run_state_machine_as_test(
        type("Life", (Life,), {"folder": tmp_path}),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
