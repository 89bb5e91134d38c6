"""Figures as people read them: quantiles of what was measured, and ratios to the floor."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

ROW = "{:10}{:>8}{:>8}{:>8}{:>8}{:>9}{:>9}{:>9}{:>9}{:>8}{:>8}{:>8}{:>9}{:>9}"
TITLES = (
    "",
    *("p50 ms", "p90", "p99", "max", "restore", "burst50", "burst99", "last"),
    *("start s", "looked", "MB", "idle CPU", "req/throw"),
)


def quantile(values: Iterable[float], part: float) -> float:
    """The least value that is not exceeded by that part of them."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(part * 1000) // 1000) - 1)]


def summary(runbooks: int, figures: Mapping[str, Any]) -> str:
    """A line for each contender, and the ratios."""
    lines = [f"{runbooks} Runbooks", ROW.format(*TITLES)]
    lines += [ROW.format(*_cells(name, one)) for name, one in figures.items()]
    if "floor" in figures:
        floor = figures["floor"]["throw_ms"]
        for name, one in figures.items():
            ratios = (quantile(one["throw_ms"], part) / quantile(floor, part) for part in (0.5, 0.99))
            lines.append(f"{name}: {' and '.join(f'{ratio:.2f}' for ratio in ratios)} times the floor at p50 and p99")
    return "\n".join(lines)


def burst(one: Mapping[str, Any], which: str = "throw_ms") -> list[float]:
    """All throws of all bursts."""
    return [value for each in one["bursts"] for value in each[which]]


def last(one: Mapping[str, Any], which: str = "throw_ms") -> float:
    """When the last of a burst was in effect, in the median burst."""
    return quantile([max(each[which]) for each in one["bursts"]], 0.5)


def per_throw(one: Mapping[str, Any]) -> float:
    """Requests for one throw and its release, without those that are asked anyway."""
    loaded, idle = one["loaded"], one.get("idle", {"requests": 0, "seconds": 1})
    return float((loaded["requests"] - idle["requests"] / idle["seconds"] * loaded["seconds"]) / loaded["throws"])


def _cells(name: str, one: Mapping[str, Any]) -> Sequence[str]:
    took, idle = one["throw_ms"], one.get("idle", {})
    bursts = (quantile(burst(one), 0.5), quantile(burst(one), 0.99), last(one)) if one["bursts"] else (0, 0, 0)
    numbers = (
        *(quantile(took, part) for part in (0.5, 0.9, 0.99, 1)),
        quantile(one["restore_ms"], 0.5),
        *bursts,
    )
    return (
        name,
        *(f"{number:.1f}" for number in numbers),
        f"{quantile(one['start_s'], 0.5):.2f}",
        f"{quantile(one['looked_s'], 0.5):.2f}" if "looked_s" in one else "-",
        f"{idle.get('pss_mb', 0):.0f}",
        f"{idle.get('cpu_share', 0) * 100:.1f}%",
        f"{per_throw(one):.1f}",
    )
