"""The names that a misspelt name may mean."""

import pytest

from runbook_operator.core.nearest_names import nearest, offer


@pytest.mark.parametrize(
    ("name", "names", "found"),
    [
        ("wbe", ["web", "worker"], ["web"]),
        ("ai_enabld", ["ai_enabled", "color"], ["ai_enabled"]),
        ("AI_ENABLED", ["ai_enabled"], ["ai_enabled"]),
        ("ai", ["a" * 200, ""], []),
        ("wep", [], []),
    ],
)
def test_nearest_names_are_found(name: str, names: list[str], found: list[str]) -> None:
    assert nearest(name, names) == found


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["web", "api"], "did you mean web?"),
        (["api", "db"], "there is api, db."),
        (list("abcdefg"), "there is a, b, c, d, e and 2 more."),
        ([], "there is none."),
    ],
)
def test_suggestion_lists_existing_names(names: list[str], text: str) -> None:
    assert offer("wbe", names) == text


def test_name_comparison_is_bounded() -> None:
    names = [f"flag{number:05}" for number in range(20_000)]

    assert offer("flag00001x", names).startswith("did you mean flag00001 or ")
    assert offer("flag19999x", names).startswith("did you mean flag00")
