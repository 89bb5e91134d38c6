"""The sections of the performance page about neighbours and about idle switches."""

from tools.performance import quiet
from tools.performance.figures import Committed

MACHINE = {"processors": 2}


def of(name: str, **figures: object) -> Committed:
    return Committed({}, {name: {"machine": MACHINE, "load": 16.4} | figures}, {})


def test_large_document_section_has_the_ratio_and_the_load() -> None:
    found = of("neighbours", kilobytes=430, flags=64, calm_ms=[10.0, 20.0, 30.0], busy_ms=[20.0, 30.0, 90.0])

    text = "".join(quiet.neighbours(found))

    assert "| with nobody else | 20 | 30 | 30 | 3 |\n" in text
    assert "| while the document changes | 30 | 90 | 90 | 3 |\n" in text
    assert "The second median is 1.50 times the first." in text
    assert "load average 16 on 2 processors" in text


def test_dry_run_section_has_counts_per_switch_and_rates() -> None:
    figures = {
        "without": {"requests": 1.0, "dry_runs": 0.0},
        "every look": {"requests": 7.0, "dry_runs": 6.0},
        "as it is": {"requests": 2.0, "dry_runs": 1.0},
    }

    text = "".join(quiet.looks(of("looks", looked=100, faster=120.0, figures=figures)))

    assert "| at every deep check | 7.0 | 6.0 | 1.7 | 33.3 |\n" in text
    assert "| **once an hour, as it is** | 2.0 | 1.0 | 0.3 | 5.6 |\n" in text


def test_unmeasured_section_is_empty() -> None:
    assert [*quiet.neighbours(Committed({}, {}, {})), *quiet.looks(Committed({}, {}, {}))] == []
