"""The prose of pages is wrapped, so that a difference or a quote of it can be read."""

from pathlib import Path

import pytest

from tools.wrapping import ROOT, pages, too_long, wrapped

LONG = "word " * 30


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_page_has_no_long_line_of_prose(page: Path) -> None:
    assert too_long(page.read_text()) == []


@pytest.mark.parametrize(
    "kept", [f"| {LONG} |", f"# {LONG}", f"```\n{LONG}\n```", f"    ```\n{LONG}\n    ```", "short"]
)
def test_table_heading_and_code_keep_their_lines(kept: str) -> None:
    assert wrapped(f"{kept}\n") == f"{kept}\n"
    assert too_long(kept) == []


def test_list_item_is_wrapped_below_its_first_word() -> None:
    text = f"1. {LONG}\n2. `{LONG}`\n"

    first, second, code = wrapped(text).splitlines()

    assert first.startswith("1. word")
    assert second.startswith("   word")
    assert code == f"2. `{LONG}`"
    assert len(too_long(text)) == 1
