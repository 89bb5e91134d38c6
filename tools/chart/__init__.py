"""The chart: what of it is generated from the code, and how it is packaged."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "runbook-operator"
