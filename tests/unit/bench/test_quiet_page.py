"""The sections of the performance page about neighbours and about idle switches."""

from tools.performance import quiet
from tools.performance.figures import Committed

MACHINE = {"processors": 2}


def of(name: str, **figures: object) -> Committed:
    return Committed({}, {name: {"machine": MACHINE, "load": 16.4} | figures}, {})


def test_throws_beside_a_large_document_are_told_with_the_ratio_of_the_medians_and_the_load_of_the_machine() -> None:
    found = of("neighbours", kilobytes=430, flags=64, calm_ms=[10.0, 20.0, 30.0], busy_ms=[20.0, 30.0, 90.0])

    text = "".join(quiet.neighbours(found))

    assert "| with nobody else | 20 | 30 | 30 | 3 |\n" in text
    assert "| while the document changes | 30 | 90 | 90 | 3 |\n" in text
    assert "The second median is 1.50 times the first." in text
    assert "load average 16 on 2 processors" in text


def test_dry_runs_of_idle_switches_are_told_for_each_switch_and_as_a_rate_of_many() -> None:
    figures = {
        "without": {"requests": 1.0, "dry_runs": 0.0},
        "every look": {"requests": 7.0, "dry_runs": 6.0},
        "as it is": {"requests": 2.0, "dry_runs": 1.0},
    }

    text = "".join(quiet.looks(of("looks", looked=100, faster=120.0, figures=figures)))

    assert "| at every close look | 7.0 | 6.0 | 1.7 | 33.3 |\n" in text
    assert "| **once an hour, as it is** | 2.0 | 1.0 | 0.3 | 5.6 |\n" in text


def test_what_was_not_measured_has_no_section() -> None:
    assert [*quiet.neighbours(Committed({}, {}, {})), *quiet.looks(Committed({}, {}, {}))] == []
