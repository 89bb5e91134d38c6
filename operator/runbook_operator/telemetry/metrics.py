"""The operator's own metrics. Label values are bounded: kinds, reasons and results, never names of objects."""

from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from runbook_operator import __version__

LATENCY_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
DECISION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
LATENESS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
INCIDENT_BUCKETS = (60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 43200.0, 86400.0, 604800.0)
CHECK_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """All metrics that the operator exposes, in their own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        build = Gauge("runbook_operator_build_info", "The running version.", ("version",), registry=self.registry)
        build.labels(__version__).set(1)
        self.effect_seconds = self._histogram(
            "switch_effect_seconds",
            "From the watch event of a thrown switch to the target's accepted write.",
            LATENCY_BUCKETS,
        )
        self.acts = self._counter("acts_total", "Writes to targets.", "result")
        self.notices = self._counter("notices_total", "Events, by reason.", "reason")
        self.messages = self._counter("messages_total", "Messages to people, by channel.", "channel", "result")
        self.reconciles = self._counter("reconciles_total", "Visits to objects.", "kind", "result")
        self.decision_seconds = self._histogram(
            "decision_seconds",
            "How long one decision about an object held the event loop.",
            DECISION_BUCKETS,
            "kind",
        )
        self.lateness = self._histogram(
            "sensing_lateness_seconds",
            "Delay of a check: from when it was due to when it was sent.",
            LATENESS_BUCKETS,
        )
        self.readings = self._counter("readings_total", "Readings of metrics and checks, by result.", "group", "result")
        self.check_seconds = self._histogram(
            "check_seconds", "Duration of checks with a result.", CHECK_BUCKETS, "group"
        )
        self.source_seconds = self._histogram(
            "metric_source_seconds",
            "Duration of requests to the administrator's metric sources.",
            CHECK_BUCKETS,
            "source",
            "result",
        )
        self.acknowledge_seconds = self._response("acknowledge", "first acknowledgement")
        self.resolve_seconds = self._response("resolve", "resolution")

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Register a gauge that calls `read` at each scrape."""
        gauge = Gauge(f"runbook_operator_{name}", text, registry=self.registry)
        gauge.set_function(read)

    def gauges(self, name: str, text: str, label: str, reads: Mapping[str, Callable[[], float]]) -> None:
        """Register a gauge with one series per value of the label; each is read at each scrape."""
        self.series(name, text, (label,), {(value,): read for value, read in reads.items()})

    def series(
        self, name: str, text: str, labels: tuple[str, ...], reads: Mapping[tuple[str, ...], Callable[[], float]]
    ) -> None:
        """Register a gauge with several labels and one series per key of `reads`; each is read at each scrape."""
        gauge = Gauge(f"runbook_operator_{name}", text, labels, registry=self.registry)
        for values, read in reads.items():
            gauge.labels(*values).set_function(read)

    def effect(self, seconds: float, engagement: str) -> None:
        """Observe a throw's time to effect, with the engagement's id as the exemplar, to find slow ones by."""
        self.effect_seconds.observe(seconds, {"engagementId": engagement})

    def late(self, seconds: float) -> None:
        """Observe by how many seconds a check or a reading began late."""
        self.lateness.observe(seconds)

    def observe_reading(self, group: str, result: str, seconds: float | None) -> None:
        """Count a reading; `seconds` is the duration of a check, None if it is no check or gave no verdict."""
        self.readings.labels(group, result).inc()
        if seconds is not None:
            self.check_seconds.labels(group).observe(seconds)

    def source(self, name: str, result: str, seconds: float) -> None:
        """Observe a request to a metric source; `result` is Answered or the reason of the failure."""
        self.source_seconds.labels(name, result).observe(seconds)

    def message(self, channel: str, result: str) -> None:
        """Count a message; the administrator names the channels."""
        self.messages.labels(channel, result).inc()

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return the metrics and their content type: OpenMetrics if `accept` has it; only that carries exemplars."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _response(self, what: str, end: str) -> Histogram:
        """Return a histogram by severity of the time from the opening of an incident."""
        text = f"From the opening of an incident to its {end}."
        return self._histogram(f"incident_{what}_seconds", text, INCIDENT_BUCKETS, "severity")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"runbook_operator_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"runbook_operator_{name}", text, labels, registry=self.registry, buckets=buckets)
