"""Find the common issue of a Runbook whose symptoms are the signals of an incident."""

from collections.abc import Iterable, Mapping, Sequence

from runbook_operator.api.incident import IncidentSignal, Source
from runbook_operator.api.response_spec import Issue, Symptom
from runbook_operator.api.runbook import RunbookSpec
from runbook_operator.core.level_tracker import SEVERITY

Levels = Mapping[tuple[Source, str], int]
"""The worst level of each entry, as a number."""
BADNESS: Mapping[str, int] = {str(level): number for level, number in SEVERITY.items()}
"""By level; a level without data is not in it."""


def matching(spec: RunbookSpec, signals: Sequence[IncidentSignal]) -> Issue | None:
    """Return the issue with the most symptoms of those whose symptoms are all bad; the first declared one of equals.

    An entry without data (Unknown or Stale) meets no symptom.
    """
    levels = _levels(signals)
    met = (one for one in spec.issues if all(_is_met(symptom, levels) for symptom in one.symptoms))
    return max(met, key=lambda one: len(one.symptoms), default=None)


def _levels(signals: Iterable[IncidentSignal]) -> Levels:
    levels: dict[tuple[Source, str], int] = {}
    for one in signals:
        entry = (one.source, one.name)
        levels[entry] = max(levels.get(entry, 0), BADNESS.get(one.level, 0))
    return levels


def _is_met(symptom: Symptom, levels: Levels) -> bool:
    return levels.get(symptom.entry, 0) >= BADNESS[symptom.at]
