"""Turn the alerts that a Runbook declares into queries for the firing alerts of a Prometheus."""

from collections.abc import Mapping
from datetime import timedelta

from runbook_operator.api.health_checks import NO_DATA_AFTER, PERIOD, QUICKEST
from runbook_operator.api.response_spec import Alert
from runbook_operator.core import thresholds
from runbook_operator.core.durations import duration
from runbook_operator.core.level_tracker import Timing
from runbook_operator.core.monitors import AskMetric, InvalidEntryError, Key, Measure, Watch
from runbook_operator.core.query_languages import Languages
from runbook_operator.monitoring.promql import PROMQL, language_of

METRIC_TIMEOUT = timedelta(seconds=5)
"""One request to a source serves many metrics and alerts, so none of them sets the time-out."""
AT_ONCE, CLEAR_FOR = timedelta(), timedelta(minutes=1)
"""The alerting rule has its own `for`, so that a firing alert counts at once."""
FIRES = Measure(critical=thresholds.parse("> 0", None, "critical"))
ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def watch(languages: Languages, key: Key, alert: Alert) -> Watch:
    """Return the watch of the alert: Critical while it fires. Raise InvalidEntryError if it cannot be watched."""
    language, period = language_of(languages, alert.source), duration(alert.period)
    if language is not PROMQL:
        why = f"{alert.source} is no Prometheus: it answers {language.name} and fires no alerts; name another source"
        raise InvalidEntryError("source", why)
    if period < QUICKEST:
        raise InvalidEntryError("period", PERIOD)
    timing = Timing(AT_ONCE, CLEAR_FOR, max(duration(NO_DATA_AFTER), 2 * period))
    ask = AskMetric(alert.source, query(alert, key.runbook.namespace), zero_where_absent=True)
    return Watch(key, ask, period, METRIC_TIMEOUT, timing, FIRES, alert.alert)


def query(alert: Alert, namespace: str) -> str:
    """Return the query whose series are the firing alerts; no series means that none fires."""
    labels: Mapping[str, str] = alert.labels or {"namespace": namespace}
    matched = {"alertname": alert.alert, "alertstate": "firing", **labels}
    return f"ALERTS{{{','.join(f'{name}={_quoted(text)}' for name, text in matched.items())}}}"


def _quoted(text: str) -> str:
    return f'"{text.translate(ESCAPES)}"'
