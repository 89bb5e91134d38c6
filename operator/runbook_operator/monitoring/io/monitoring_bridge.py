"""Connect the scheduler with the store: watch the declared entries of each Runbook, and pass signals to switches."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from runbook_operator.cache.snapshot_builder import runbook_snapshot
from runbook_operator.cache.store import Store
from runbook_operator.core.monitors import Key, MonitorState
from runbook_operator.core.query_languages import Languages
from runbook_operator.core.references import Ref
from runbook_operator.core.sharding import ObjectFilter, all_objects
from runbook_operator.deployments import guard
from runbook_operator.egress.http_client import Outbound
from runbook_operator.kube.client import Kube
from runbook_operator.kube.discovery import Paths
from runbook_operator.kube.endpoint_cache import Addresses
from runbook_operator.kube.secret_cache import Secrets
from runbook_operator.monitoring.backends.configured_sources import MetricSources
from runbook_operator.monitoring.declared_monitors import watches
from runbook_operator.monitoring.entry_status import signals, tracks_of
from runbook_operator.monitoring.io.baselines import Baselines
from runbook_operator.monitoring.io.check_scheduler import CheckScheduler
from runbook_operator.monitoring.io.health_checker import HealthChecker
from runbook_operator.monitoring.io.metric_reader import MetricReader
from runbook_operator.monitoring.io.number_reader import Numbers
from runbook_operator.runtime import clock
from runbook_operator.runtime.background_budget import BackgroundBudget
from runbook_operator.settings import Settings
from runbook_operator.telemetry.metrics import Metrics

Clients = tuple[Kube, Kube]
"""The client for work, and the one for watches."""


class MonitoringComponents:
    """The components of monitoring: health checker, metric sources, baselines, and addresses of Services and pods."""

    def __init__(
        self, settings: Settings, clients: Clients, out: Outbound, metrics: Metrics, budget: BackgroundBudget
    ) -> None:
        kube, watch_kube = clients
        file = Path(settings.metric_sources) if settings.metric_sources else None
        self.sources = MetricSources(file, metrics.source)
        self.baselines = Baselines(self.sources)
        self.addresses = Addresses(
            Paths(watch_kube), settings.namespaces, settings.watch_seconds, settings.resync_seconds
        )
        measuring, required = MetricReader(self.sources, self.baselines), settings.require_service_account
        secrets = Secrets(kube, requires_account=required, budget=budget)
        numbers = Numbers(Paths(watch_kube), requires_account=required, budget=budget)
        self.asking = HealthChecker(out, self.addresses, secrets, measuring, numbers)
        metrics.gauge("metric_source_problems", "What is wrong with metric sources.", self._problems)

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Return the background loops that must run while checks run."""
        return [self.addresses.run(), self.sources.run()]

    def languages(self) -> Languages:
        """Return the query languages of the metric sources, as they are configured now."""
        return self.sources.languages

    async def close(self) -> None:
        """Close the components, after the last check."""
        await self.baselines.close()
        await self.sources.close()

    def _problems(self) -> float:
        return float(len(self.sources.problems))


@dataclass
class MonitoringBridge:
    """The bridge. Every method uses the current store; `wake` gets the switches to reconcile again."""

    scheduler: CheckScheduler
    store: Store
    wake: Callable[[Iterable[Ref]], None]
    now: Callable[[], datetime] = clock.now
    languages: Callable[[], Languages] = dict
    """The query languages of the metric sources, as they are configured now."""
    _watched: dict[Ref, tuple[str, int, Languages]] = field(default_factory=dict)
    """The uid and the generation of the Runbooks whose entries are watched, and the languages at that time."""

    def sync(self, ref: Ref) -> None:
        """Watch the declared entries of a Runbook, from the levels in its status on; forget a deleted Runbook."""
        runbook = self.store.runbooks.get(ref)
        if runbook is None or runbook.meta.deleting:
            self.scheduler.forget(ref)
            self._watched.pop(ref, None)
            return
        edition = (runbook.meta.uid, runbook.meta.generation, self.languages())
        if self._watched.get(ref) != edition:
            self.scheduler.watch(ref, watches(runbook, self.languages()).watches, tracks_of(runbook, self.now()))
            self._watched[ref] = edition

    def monitor_states(self, ref: Ref) -> Mapping[Key, MonitorState]:
        return self.scheduler.monitor_states(ref)

    def send_signals(self, ref: Ref) -> None:
        """Pass signals to the switches of a Runbook; if it does not parse, the earlier signals stay."""
        runbook = self.store.runbooks.get(ref)
        if runbook is None or runbook.spec is None:
            return
        snapshot = runbook_snapshot(
            self.store, runbook, self.now(), monitor_states=self.monitor_states(ref), languages=self.languages()
        )
        sources = (signals(snapshot), guard.signals(snapshot))
        for switch in snapshot.switches.values():
            if switch.spec.runbook == ref.name:
                said = (one for source in sources for one in source.get(switch.spec.switch, ()))
                self.wake(self.store.set_signals(switch.meta.ref, tuple(said)))

    def clear(self, only: ObjectFilter = all_objects) -> None:
        """Drop old signals where leading begins. The reconcile of each Runbook sets them again."""
        self.scheduler.clear(only)
        self.store.clear_signals(only)
        for runbook in [*filter(only, self._watched)]:
            del self._watched[runbook]
