"""What automatic sources say about a switch. "No data" is a word of its own: it neither engages nor releases."""

from dataclasses import dataclass
from typing import Literal

Source = Literal["Metric", "Dependency", "Deployment"]
Verdict = Literal["Engage", "Release", "Unknown"]


@dataclass(frozen=True)
class Signal:
    """The latest word of one source: `name` is the entry of the Runbook that speaks, `reason` what it saw.

    `blind` where it is Unknown since there is no data, and not since the level is between bad and well.
    """

    source: Source
    name: str
    verdict: Verdict
    reason: str = ""
    blind: bool = False
