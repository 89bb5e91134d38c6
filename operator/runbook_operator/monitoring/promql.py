"""PromQL as a query language: the language of Prometheus, and of a source that is not configured."""

from functools import partial

from runbook_operator.core.promql_batching import compares
from runbook_operator.core.query_languages import Languages, QueryLanguage
from runbook_operator.monitoring.promql_lookback import lookback

COMPARES = (
    "the query ends in a comparison, so it returns no series while all is well, and a result without data "
    "releases no switch: move the comparison into critical and warning, or set absent: Zero"
)


def _remark(query: str, absent_is_zero: bool) -> str:  # noqa: FBT001 # positional, as QueryLanguage has it
    return COMPARES if compares(query) and not absent_is_zero else ""


PROMQL = QueryLanguage("PromQL", lookback, partial(lookback, offsets=False), _remark)


def language_of(languages: Languages, source: str) -> QueryLanguage:
    """Return the language of the metric source; PromQL for one that is not configured, which gives no data."""
    return languages.get(source, PROMQL)
