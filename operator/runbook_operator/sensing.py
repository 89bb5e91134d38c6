"""Between what asks and decisions: what each Runbook wants watched, and what its switches hear of it."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from runbook_operator.decide import guard
from runbook_operator.decide.sensed import signals, tracks_of
from runbook_operator.decide.watches import watches
from runbook_operator.io import clock
from runbook_operator.io.http import Outbound
from runbook_operator.io.kube import Kube
from runbook_operator.io.metric_sources import MetricSources
from runbook_operator.io.paths import Paths
from runbook_operator.model.refs import Ref
from runbook_operator.model.shards import Whose, everybody
from runbook_operator.model.watches import Key, Sense
from runbook_operator.observe.addresses import Addresses
from runbook_operator.observe.asking import Asking
from runbook_operator.observe.baselines import Baselines
from runbook_operator.observe.measuring import Measuring
from runbook_operator.observe.numbers import Numbers
from runbook_operator.observe.secrets import Secrets
from runbook_operator.observe.sensor import Sensor
from runbook_operator.observe.store import Store
from runbook_operator.observe.worlds import runbook_world
from runbook_operator.report.metrics import Metrics
from runbook_operator.settings import Settings


class Senses:
    """Who asks, and what that takes: the metric sources, what is usual for them, and where Services and pods are."""

    def __init__(self, settings: Settings, kube: Kube, watch_kube: Kube, out: Outbound, metrics: Metrics) -> None:
        file = Path(settings.metric_sources) if settings.metric_sources else None
        self.sources = MetricSources(file, metrics.source)
        self.baselines = Baselines(self.sources)
        self.addresses = Addresses(
            Paths(watch_kube), settings.namespaces, settings.watch_seconds, settings.resync_seconds
        )
        measuring, required = Measuring(self.sources, self.baselines), settings.require_service_account
        secrets = Secrets(kube, requires_account=required)
        numbers = Numbers(Paths(watch_kube), requires_account=required)
        self.asking = Asking(out, self.addresses, secrets, measuring, numbers)
        metrics.gauge("metric_source_problems", "What is wrong with metric sources.", self._problems)

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """What has to run meanwhile."""
        return [self.addresses.run(), self.sources.run()]

    async def close(self) -> None:
        """Once nobody asks any more."""
        await self.baselines.close()
        await self.sources.close()

    def _problems(self) -> float:
        return float(len(self.sources.problems))


@dataclass
class Sensing:
    """Every method takes what is in the store now; `wake` is told which switches are to look again."""

    sensor: Sensor
    store: Store
    wake: Callable[[Iterable[Ref]], None]
    now: Callable[[], datetime] = clock.now
    _watched: dict[Ref, tuple[str, int]] = field(default_factory=dict)
    """The uid and the generation of the Runbooks whose entries are watched."""

    def look(self, ref: Ref) -> None:
        """Watch what a Runbook declares, beginning with what its status tells; of one that goes away nothing."""
        runbook = self.store.runbooks.get(ref)
        if runbook is None or runbook.meta.deleting:
            self.sensor.forget(ref)
            self._watched.pop(ref, None)
            return
        edition = (runbook.meta.uid, runbook.meta.generation)
        if self._watched.get(ref) != edition:
            self.sensor.watch(ref, watches(runbook).watches, tracks_of(runbook, self.now()))
            self._watched[ref] = edition

    def senses(self, ref: Ref) -> Mapping[Key, Sense]:
        return self.sensor.senses(ref)

    def tell(self, ref: Ref) -> None:
        """Tell the switches of a Runbook; one that does not parse says nothing, and what it has said stands."""
        runbook = self.store.runbooks.get(ref)
        if runbook is None or runbook.spec is None:
            return
        world = runbook_world(self.store, runbook, self.now(), senses=self.senses(ref))
        sources = (signals(world), guard.signals(world))
        for switch in world.switches.values():
            if switch.spec.runbook == ref.name:
                said = (one for source in sources for one in source.get(switch.spec.switch, ()))
                self.wake(self.store.hear(switch.meta.ref, tuple(said)))

    def clear(self, whose: Whose = everybody) -> None:
        """Leading begins there: what was heard before is no news. Each Runbook tells anew when it is looked at."""
        self.sensor.clear(whose)
        self.store.hush(whose)
        for runbook in [*filter(whose, self._watched)]:
            del self._watched[runbook]
