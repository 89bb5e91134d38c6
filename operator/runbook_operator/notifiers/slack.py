"""slack: an incoming webhook of Slack, or of what takes the same blocks."""

import html
from datetime import datetime
from typing import Any

from runbook_operator.notifiers.json_body import post
from runbook_operator.notifiers.message import Link, Message
from runbook_operator.notifiers.message_sections import Section, fit, sections
from runbook_operator.notifiers.notifier_base import (
    Config,
    Delivered,
    GiveUp,
    Judgement,
    Notifier,
    Reply,
    Request,
    SecretUrlSpec,
    judged,
)
from runbook_operator.notifiers.text_markup import width, within

LARGEST_BLOCK = 3000
LARGEST_HEADER = 150
LARGEST_TOTAL = 13000
"""All texts of all blocks together; Slack refuses somewhat more than 13,200 as msg_blocks_too_long."""
TOO_LARGE = LARGEST_TOTAL + 1


class Slack(Notifier):
    """Posts to an incoming webhook of Slack."""

    kind = "slack"
    Spec = SecretUrlSpec

    @staticmethod
    def render(message: Message, config: Config, now: datetime) -> Request:  # noqa: ARG004 # the base signature
        header = {"type": "plain_text", "text": within(message.headline, LARGEST_HEADER, escape), "emoji": False}
        fitted = fit(sections(message), _cost, LARGEST_TOTAL - LARGEST_HEADER)
        blocks = [{"type": "header", "text": header}, *(block for one in fitted for block in _blocks(one))]
        # Notifications on phones show the text and not the blocks.
        return post(config, {"text": escape(message.summary), "mrkdwn": False, "blocks": blocks})

    @staticmethod
    def judge(reply: Reply, now: datetime) -> Judgement:
        """Judge by the status and the body: Slack answers `ok`, and anything else is an error."""
        found = judged(reply, now)
        if isinstance(found, Delivered) and reply.body.strip() != b"ok":
            return GiveUp("Slack did not answer ok")
        return found


def escape(text: str) -> str:
    """Escape the characters that begin mentions, links and dates: <!channel>, <@user>, <javascript:...|text>."""
    return html.escape(text, quote=False)


def _blocks(section: Section) -> list[dict[str, Any]]:
    """Return the section as blocks. Only links and commands are in mrkdwn, which has no way to escape a * or _."""
    label = f"{section.label}: " if section.label else ""
    blocks = [_plain(f"{label}{_listed(section.lines)}")] if section.lines else []
    if section.command:
        blocks.append(_command(section.command, "" if section.lines else label))
    return blocks + [_marked(_link(one)) for one in section.links]


def _listed(lines: tuple[str, ...]) -> str:
    return lines[0] if len(lines) == 1 else "".join(f"\n• {line}" for line in lines)


def _command(command: str, label: str) -> dict[str, Any]:
    if "`" in command:
        return _plain(f"{label}{command}")
    return _marked(f"*{label.strip()}* `{escape(command)}`" if label else f"`{escape(command)}`")


def _link(link: Link) -> str:
    # Slack has no escape for what ends or begins a format within a link's text.
    text = link.text.translate(dict.fromkeys(map(ord, "*_~`|"), " "))
    return f"<{escape(link.url)}|{escape(text.strip()) or 'link'}>"


def _plain(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": escape(text), "emoji": False}}


def _marked(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _cost(section: Section) -> int:
    widths = [width(block["text"]["text"]) for block in _blocks(section)]
    return TOO_LARGE if max(widths) > LARGEST_BLOCK else sum(widths)
