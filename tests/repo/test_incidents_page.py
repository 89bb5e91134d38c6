"""The page about incidents: its Runbook is the example, and its message is the one that the operator builds."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from runbook_operator.api.parsing import parse_runbook
from runbook_operator.core import kubectl_commands
from runbook_operator.core.references import incident_ref, switch_ref
from runbook_operator.notifiers.message import FirstAction, Link, Message, Problem
from runbook_operator.notifiers.message_sections import sections
from runbook_operator.notifiers.text_markup import PLAIN

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "incidents.md"
EXAMPLE = ROOT / "examples" / "16-incident" / "runbook.yaml"
AT = datetime(2026, 11, 30, 3, 12, tzinfo=UTC)
NAME = "tickets-4f1c2a9b"


def block(page: Path, kind: str) -> str:
    """The first block of code of this kind on the page."""
    return page.read_text().partition(f"```{kind}\n")[2].partition("```\n")[0]


def message() -> str:
    """The plain text of the first message about an incident of the example."""
    meta = {"namespace": "shop", "uid": "1", "resourceVersion": "1"}
    body = yaml.safe_load(EXAMPLE.read_text())
    spec = parse_runbook(body | {"metadata": body["metadata"] | meta}).spec
    assert spec
    issue, second = spec.issues[0], spec.contacts[1]
    switch = switch_ref("shop", f"tickets-{issue.resolution[0].engage}")
    built = Message(
        id="1",
        dedup_key="1",
        kind="opened",
        at=AT,
        severity="SEV2",
        namespace="shop",
        runbook="tickets",
        incident=NAME,
        title=f"{spec.title}: {issue.title}",
        problem=Problem(name="error-rate", value="12%", threshold="> 5", since=AT - timedelta(seconds=8)),
        likely_cause=issue.likely_cause,
        first_action=FirstAction(text=issue.resolution[0].text, command=kubectl_commands.throw(switch, NAME)),
        links=tuple(Link(text=one.title, url=one.url) for one in spec.links),
        acknowledge=kubectl_commands.acknowledge(incident_ref("shop", NAME)),
        next_contact=f"{second.name} ({second.role}) at 03:27 UTC unless somebody acknowledges",
        diagnosis=(f"SEV2: {spec.severities[1].definition}",),
    )
    return "\n\n".join([built.headline, *map(PLAIN.render, sections(built))]) + "\n"


def test_runbook_of_the_page_is_the_example() -> None:
    assert block(PAGE, "yaml") == EXAMPLE.read_text()


@pytest.mark.parametrize("page", [PAGE, ROOT / "README.md"], ids=lambda page: page.name)
def test_message_of_the_page_is_what_a_channel_sends(page: Path) -> None:
    shown = page.read_text()

    assert f"```text\n{message()}```\n" in shown
