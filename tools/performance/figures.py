"""The committed figures, and what is made of them before anybody reads them."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.told import quantile

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "performance"
OPERATOR, FLOOR, GO, TUTORIAL = "operator", "floor", "go", "tutorial"
Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Committed:
    """What is in docs/performance: a run for each number of Runbooks, what else was measured, and remarks on misses."""

    runs: Mapping[int, Figures]
    others: Mapping[str, Figures]
    remarks: Mapping[str, str]

    def of(self, runbooks: int, contender: str) -> Figures | None:
        """The contender's figures, None where it was not measured."""
        found: Figures | None = self.runs.get(runbooks, {}).get("contenders", {}).get(contender)
        return found

    @property
    def drawn(self) -> int:
        """The number of Runbooks whose throws are drawn: of the runs with most peers that with most throws, else 0."""
        compared = {
            number: (len(found), min(len(one["throw_ms"]) for one in found.values()), number)
            for number, run in self.runs.items()
            if "floor" in (found := run["contenders"])
        }
        return max(compared, key=lambda number: compared[number], default=0)

    def growth(self, cost: Callable[[Figures], float]) -> list[tuple[int, float]]:
        """The operator's cost for each number of Runbooks, the fewest first."""
        found = ((runbooks, self.of(runbooks, OPERATOR)) for runbooks in sorted(self.runs))
        return [(runbooks, cost(one)) for runbooks, one in found if one]


def committed(folder: Path = FOLDER) -> Committed:
    """Everything that the page is made of."""
    runs, others = {}, {}
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_text())
        if "runbooks" in found:
            runs[found["runbooks"]] = found
        else:
            others[path.stem.removeprefix("bench-")] = found
    remarks = folder / "remarks.yaml"
    return Committed(runs, others, yaml.safe_load(remarks.read_text()) or {} if remarks.exists() else {})


def median(values: Sequence[float]) -> float:
    return quantile(values, 0.5)


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The b of cost = a times N to the b, by least squares of the logarithms: 1 is linear, less is better."""
    logs = [(math.log(number), math.log(cost)) for number, cost in points]
    across, up = (sum(axis) / len(logs) for axis in zip(*logs, strict=True))
    below = sum((number - across) * (number - across) for number, _ in logs)
    return float(sum((number - across) * (cost - up) for number, cost in logs) / below)
