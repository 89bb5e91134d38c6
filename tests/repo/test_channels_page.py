"""docs/channels.md has every kind of channel, each of its fields, and its rate."""

import re
from pathlib import Path

import pytest

from runbook_operator.notifiers import REGISTRY
from runbook_operator.notifiers.notifier_base import ChannelSpec

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "channels.md").read_text()
COMMON, *KINDS = re.split(r"^### ", PAGE, flags=re.MULTILINE)
SECTIONS = {text.partition("\n")[0]: text for text in KINDS}
OF_ALL = {*ChannelSpec.model_fields, "ca_file"}


def fields(section: str) -> set[str]:
    """The names in the first cell of each row of a table."""
    cells = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_page_has_a_section_for_each_kind() -> None:
    assert set(SECTIONS) == set(REGISTRY)


@pytest.mark.parametrize("kind", sorted(REGISTRY))
def test_section_has_each_field_of_its_kind(kind: str) -> None:
    declared = REGISTRY[kind].Spec.model_fields

    assert fields(SECTIONS[kind]) == {field.alias or name for name, field in declared.items() if name not in OF_ALL}


@pytest.mark.parametrize("kind", sorted(REGISTRY))
def test_table_has_the_rate_of_each_kind(kind: str) -> None:
    assert re.search(rf"^\| \[`{kind}`\]\(#{kind}\) \| .+ \| {REGISTRY[kind].per_minute} \|$", COMMON, re.MULTILINE)


def test_page_has_each_field_of_every_channel() -> None:
    table = COMMON.split("## Fields of every channel")[1].split("## Kinds")[0]

    assert fields(table) == {"kind", "caFile", *(field.alias for field in ChannelSpec.model_fields.values())}
