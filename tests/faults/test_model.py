"""Random lives of two switches on one Deployment, on the real API server, against a model of ten lines."""

from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.e2e.harness import Cluster, Operator, deployment, eventually, fresh_namespace, runbook

HELD = {"half": 1, "stop": 0}
SWITCHES = st.sampled_from(sorted(HELD))
QUICK = {"RUNBOOK_PUT_BACK_FIRST_SECONDS": "0.02", "RUNBOOK_PUT_BACK_LONGEST_SECONDS": "0.05"}
EXAMPLES, STEPS = 6, 15


class Life(RuleBasedStateMachine):
    """`engaged` is in the order of the throws; what nobody holds is what people set last. Logs go into `folder`."""

    folder: ClassVar[Path]

    @initialize()
    def begin(self) -> None:
        self.space = fresh_namespace()
        self.cluster = Cluster(self.space.__enter__())
        self.engaged: list[str] = []
        self.own = 3
        self.operator = Operator(
            self.cluster.namespace,
            self.folder / self.cluster.namespace,
            **QUICK,  # type: ignore[arg-type] # all are strings
        )
        self.operator.start()
        entries = [{"name": n, "actions": [{"scale": {"target": "web", "replicas": r}}]} for n, r in HELD.items()]
        self.cluster.apply(deployment(), runbook(killSwitches=entries, scaling=[]))
        for name in HELD:
            self.cluster.until_reason("switch", f"shop-{name}", "Ready")

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

    @rule(replicas=st.integers(0, 5))
    def scale(self, replicas: int) -> None:
        """A person scales: it lasts where nothing is held, and is put back where something is."""
        self.cluster.scale(replicas)
        if not self.engaged:
            self.own = replicas
        self.settle()

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

    def settle(self) -> None:
        """The cluster comes to be what the model says."""
        wanted = HELD[self.engaged[-1]] if self.engaged else self.own
        eventually(f"{wanted} replicas with {self.engaged} engaged", lambda: self.cluster.replicas() == wanted)
        for name in HELD:
            self.cluster.until_phase(f"shop-{name}", "Engaged" if name in self.engaged else "Released")

    def teardown(self) -> None:
        if hasattr(self, "operator"):
            self.cluster.clear()
            self.operator.stop()
            self.space.__exit__(None, None, None)


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("_crds")
def test_whatever_happens_to_two_switches_the_cluster_is_what_the_model_says(tmp_path: Path) -> None:
    run_state_machine_as_test(
        type("Life", (Life,), {"folder": tmp_path}),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
