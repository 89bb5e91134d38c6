"""mattermost: an incoming webhook of Mattermost."""

from datetime import datetime

from runbook_operator.notifiers import discord
from runbook_operator.notifiers.json_body import post
from runbook_operator.notifiers.message import Message
from runbook_operator.notifiers.message_sections import Section, fit, sections
from runbook_operator.notifiers.notifier_base import Config, Notifier, Request, SecretUrlSpec
from runbook_operator.notifiers.text_markup import Markup, width

LARGEST = 16_383
APART = "\u2060"


def escape(text: str) -> str:
    """Escape Markdown, and take mentions apart: the server looks for them in the text as it is shown.

    A pipe would make Slack's form of a link of it, which Mattermost translates before it reads Markdown.
    """
    return discord.escape(text.replace("@", f"@{APART}").replace("|", "¦"))


def can_code(command: str) -> bool:
    return "`" not in command and "<" not in command


MARKUP = Markup(
    escape=escape,
    strong=lambda label: f"**{label}**",
    code=lambda command: f"```\n{command}\n```",
    link=lambda text, url: f"[{text}]({url})",
    can_code=can_code,
)


class Mattermost(Notifier):
    """Posts to an incoming webhook of Mattermost."""

    kind = "mattermost"
    Spec = SecretUrlSpec
    schemes = ("https", "http")

    @staticmethod
    def render(message: Message, config: Config, now: datetime) -> Request:  # noqa: ARG004 # the base signature
        heading = f"**{escape(message.headline)}**"
        fitted = fit(sections(message), _cost, LARGEST - width(heading))
        return post(config, {"text": "\n\n".join([heading, *map(MARKUP.render, fitted)])})


def _cost(section: Section) -> int:
    return width(MARKUP.render(section)) + 2
