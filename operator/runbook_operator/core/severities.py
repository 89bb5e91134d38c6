"""The severities of incidents, and how soon somebody must answer each."""

from collections.abc import Mapping
from typing import Literal

Severity = Literal["SEV1", "SEV2", "SEV3", "SEV4"]
SEVERITIES: tuple[Severity, ...] = ("SEV1", "SEV2", "SEV3", "SEV4")
"""The most severe one first."""
RESPOND_WITHIN: Mapping[Severity, str] = {"SEV1": "5m", "SEV2": "15m", "SEV3": "1h", "SEV4": "4h"}
"""Durations within which somebody must acknowledge an incident, unless the Runbook declares others."""


def most_severe(first: Severity, *others: Severity) -> Severity:
    """Return the most severe of these severities."""
    return min((first, *others), key=SEVERITIES.index)
