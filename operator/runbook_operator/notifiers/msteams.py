"""msteams: the webhook of a workflow of Microsoft Teams, which shows an Adaptive Card."""

from datetime import datetime
from typing import Any

from pydantic import Field

from runbook_operator.notifiers.json_body import encoded, post
from runbook_operator.notifiers.message import Message
from runbook_operator.notifiers.message_sections import Section, fit, sections
from runbook_operator.notifiers.notifier_base import Config, Notifier, Request, SecretUrlSpec

LARGEST = 20_000
"""Bytes of the whole body. Teams documents 28 KB, and refuses some messages above 21 KB."""
CARD = "application/vnd.microsoft.card.adaptive"
SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"


class MsTeamsSpec(SecretUrlSpec):
    """The workflow's URL, and the form of the body that the workflow expects."""

    bare: bool = Field(False, description="Send the card alone, for workflows that post the body as it comes.")


class MsTeams(Notifier):
    """Posts an Adaptive Card to the webhook of a workflow of Microsoft Teams."""

    kind = "msteams"
    Spec = MsTeamsSpec

    @staticmethod
    def render(message: Message, config: Config, now: datetime) -> Request:  # noqa: ARG004 # the base signature
        heading = _text(message.headline, weight="Bolder", size="Large")
        room = LARGEST - len(encoded(_body([heading], config.spec.bare)))
        fitted = fit(sections(message), _cost, room)
        return post(
            config, _body([heading, *(one for section in fitted for one in _elements(section))], config.spec.bare)
        )


def _body(elements: list[dict[str, Any]], bare: bool) -> dict[str, Any]:  # noqa: FBT001 # the channel's own field
    card = {"type": "AdaptiveCard", "$schema": SCHEMA, "version": "1.4", "body": elements, "msteams": {"width": "Full"}}
    return card if bare else {"type": "message", "attachments": [{"contentType": CARD, "content": card}]}


def _text(text: str, **style: Any) -> dict[str, Any]:
    """Return a RichTextBlock: unlike a TextBlock it interprets no Markdown; without entities it mentions no person."""
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": _inert(text)} | style]}


def _inert(text: str) -> str:
    """Break the tags of mentions, which some versions of workflows look for in any text."""
    return text.replace("<", "<\u2060")


def _elements(section: Section) -> list[dict[str, Any]]:
    elements = [_text(f"{section.label}:", weight="Bolder")] if section.label else []
    elements += [_text(line) for line in section.lines]
    if section.command:
        elements.append({"type": "RichTextBlock", "inlines": [_code(section.command)]})
    for link in section.links:
        opening = {"type": "Action.OpenUrl", "url": link.url}
        elements.append(_text(link.text, selectAction=opening))
    return elements


def _code(command: str) -> dict[str, Any]:
    return {"type": "TextRun", "text": command, "fontType": "Monospace"}


def _cost(section: Section) -> int:
    return sum(len(encoded(one)) + 1 for one in _elements(section))
