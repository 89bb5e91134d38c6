"""The operator's own metrics. Labels are bounded: kinds, reasons and results, never names of objects."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

LATENCY_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """Every metric that the operator exposes, on a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.effect_seconds = Histogram(
            "runbook_operator_switch_effect_seconds",
            "From the watch event of a thrown switch to the target's accepted write.",
            registry=self.registry,
            buckets=LATENCY_BUCKETS,
        )
        self.acts = Counter("runbook_operator_acts_total", "Writes to targets.", ("result",), registry=self.registry)
        self.notices = Counter(
            "runbook_operator_notices_total", "What was said, by reason.", ("reason",), registry=self.registry
        )
        self.reconciles = Counter(
            "runbook_operator_reconciles_total",
            "Visits to objects.",
            ("kind", "result"),
            registry=self.registry,
        )

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A gauge that is read when it is scraped."""
        gauge = Gauge(f"runbook_operator_{name}", text, registry=self.registry)
        gauge.set_function(read)

    def render(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self.registry)
