"""The operator's own metrics. Labels are bounded: kinds, reasons and results, never names of objects."""

from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from runbook_operator import __version__

LATENCY_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
DECISION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
LATENESS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
CHECK_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Every metric that the operator exposes, on a registry of its own."""

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
        self.notices = self._counter("notices_total", "What was said, by reason.", "reason")
        self.reconciles = self._counter("reconciles_total", "Visits to objects.", "kind", "result")
        self.decision_seconds = self._histogram(
            "decision_seconds",
            "How long one decision about an object held the event loop.",
            DECISION_BUCKETS,
            "kind",
        )
        self.lateness = self._histogram(
            "sensing_lateness_seconds",
            "From when something that is watched was due to when it was asked.",
            LATENESS_BUCKETS,
        )
        self.readings = self._counter("readings_total", "What the readings of what is watched said.", "group", "result")
        self.check_seconds = self._histogram(
            "check_seconds", "How long the checks took that could be told.", CHECK_BUCKETS, "group"
        )
        self.source_seconds = self._histogram(
            "metric_source_seconds",
            "How long the requests to the administrator's metric sources took.",
            CHECK_BUCKETS,
            "source",
            "result",
        )

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A gauge that is read when it is scraped."""
        gauge = Gauge(f"runbook_operator_{name}", text, registry=self.registry)
        gauge.set_function(read)

    def gauges(self, name: str, text: str, label: str, reads: Mapping[str, Callable[[], float]]) -> None:
        """As gauge, one for each value of the label."""
        gauge = Gauge(f"runbook_operator_{name}", text, (label,), registry=self.registry)
        for value, read in reads.items():
            gauge.labels(value).set_function(read)

    def effect(self, seconds: float, engagement: str) -> None:
        """A throw took effect; the engagement's id is the exemplar, so that a slow one can be found."""
        self.effect_seconds.observe(seconds, {"engagementId": engagement})

    def late(self, seconds: float) -> None:
        """Something that is watched was asked so long after it was due."""
        self.lateness.observe(seconds)

    def sensed(self, group: str, result: str, seconds: float | None) -> None:
        """A reading came; `seconds` is how long a check took, None for what is no check or could not be told."""
        self.readings.labels(group, result).inc()
        if seconds is not None:
            self.check_seconds.labels(group).observe(seconds)

    def source(self, name: str, result: str, seconds: float) -> None:
        """A request to a metric source: Answered, or why not."""
        self.source_seconds.labels(name, result).observe(seconds)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The metrics and their content type: OpenMetrics where `accept` asks for it, which alone has exemplars."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"runbook_operator_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"runbook_operator_{name}", text, labels, registry=self.registry, buckets=buckets)
