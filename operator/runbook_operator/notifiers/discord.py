"""discord: a webhook of Discord."""

import re
from datetime import datetime

from runbook_operator.notifiers.json_body import post
from runbook_operator.notifiers.message import Message
from runbook_operator.notifiers.message_sections import Section, fit, sections
from runbook_operator.notifiers.notifier_base import Config, Notifier, Request, SecretUrlSpec
from runbook_operator.notifiers.text_markup import Markup, packed, width, within

LARGEST_TITLE = 256
LARGEST_DESCRIPTION = 4096
LARGEST_TOTAL = 5800
"""All embeds together have 6,000 characters at most; the rest is room for what joins the sections."""
TOO_LARGE = LARGEST_TOTAL + 1
PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
COLORS = {"SEV1": 0xD92D20, "SEV2": 0xF79009, "SEV3": 0xFDB022, "SEV4": 0x667085}
RESOLVED = 0x12B76A


def escape(text: str) -> str:
    """Put a backslash before all punctuation, as Markdown has it: no format, mention or link remains."""
    return PUNCTUATION.sub(lambda found: f"\\{found[0]}", text)


MARKUP = Markup(
    escape=escape,
    strong=lambda label: f"**{label}**",
    code=lambda command: f"```\n{command}\n```",
    link=lambda text, url: f"[{text}]({url})",
)


class Discord(Notifier):
    """Posts embeds to a webhook of Discord."""

    kind = "discord"
    Spec = SecretUrlSpec
    per_minute = 20

    @staticmethod
    def render(message: Message, config: Config, now: datetime) -> Request:  # noqa: ARG004 # the base signature
        title = within(message.headline, LARGEST_TITLE, escape)
        fitted = fit(sections(message), _cost, LARGEST_TOTAL - width(title))
        texts = packed([MARKUP.render(one) for one in fitted], LARGEST_DESCRIPTION)
        color = RESOLVED if message.kind == "resolved" else COLORS[message.severity]
        embeds = [{"description": text, "color": color} for text in texts]
        embeds[0]["title"] = title
        # An empty list of kinds to parse: no person is mentioned, whatever the text contains.
        return post(config, {"embeds": embeds, "allowed_mentions": {"parse": []}})


def _cost(section: Section) -> int:
    whole = width(MARKUP.render(section)) + 2
    return TOO_LARGE if whole > LARGEST_DESCRIPTION else whole
