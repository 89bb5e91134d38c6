"""The published limits and rules of the providers of channels, checked against the body of a request."""

import base64
import hashlib
import hmac
import html
import json
import re
from collections.abc import Mapping
from typing import Any

SLACK_LINK = re.compile(r"<https?://[^|<>\s]+\|[^<>|]+>")
CODE = re.compile(r"```\n.*?\n```", re.DOTALL)
MARKDOWN_LINK = re.compile(r"(?<!\\)\[((?:\\.|[^\\\[\]])*)\]\((https?://[^()\s]+)\)")
LABEL = re.compile(r"\*\*(?:[A-Z][a-z ]+:)\*\*")
PUNCTUATION = r"[!-/:-@\[-`{-~]"


class LimitError(AssertionError):
    """A body that the provider would refuse, or would interpret otherwise than meant."""


def need(fine: object, what: str) -> None:
    if not fine:
        raise LimitError(what)


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def slack(body: bytes) -> str:
    """Check an incoming webhook's body, and return the text that a reader sees."""
    sent = json.loads(body)
    blocks = sent["blocks"]
    texts = [one["text"] for one in blocks]
    need(units(sent["text"]) <= 40_000 and sent["mrkdwn"] is False, "text")
    need(len(blocks) <= 50, "more than 50 blocks")
    need(sum(units(one["text"]) for one in texts) <= 13_200, "msg_blocks_too_long")
    for block, text in zip(blocks, texts, strict=True):
        need(0 < units(text["text"]) <= (150 if block["type"] == "header" else 3000), "invalid_blocks")
        plain = text["type"] == "plain_text"
        rest = text["text"] if plain else SLACK_LINK.sub("", text["text"])
        need(not re.search(r"[<>]|&(?!amp;|lt;|gt;)", rest), "something begins a mention or a link")
        need(plain or re.fullmatch(r"|(?:\*[A-Z][a-z ]+:\* )?`[^`]+`", rest), "text with marks is not a command")
    need(not re.search(r"[<>]", sent["text"]), "text begins a mention")
    return html.unescape("\n".join(one["text"] for one in texts))


def msteams(body: bytes) -> str:
    """Check the body of a workflow's webhook, and return the text of the card."""
    need(len(body) <= 21_000, "the card is too large")
    sent = json.loads(body)
    card = sent["attachments"][0]["content"] if sent["type"] == "message" else sent
    need(card["type"] == "AdaptiveCard" and "entities" not in card["msteams"], "the card mentions somebody")
    observed = []
    for block in card["body"]:
        need(block["type"] == "RichTextBlock", "a text that is read as Markdown")
        for run in block["inlines"]:
            need(run["type"] == "TextRun" and run["text"], "an inline that is no text")
            need(run.get("fontType") or "<at>" not in run["text"], "a mention")
            url = run.get("selectAction", {}).get("url", "https://")
            need(re.match(r"https?://", url), "a link of another scheme")
            observed += [run["text"], url]
    return "\n".join(observed)


def discord(body: bytes) -> str:
    """Check a webhook's body, and return the text of the embeds."""
    sent = json.loads(body)
    need(sent["allowed_mentions"] == {"parse": []}, "mentions are parsed")
    embeds = sent["embeds"]
    need(1 <= len(embeds) <= 10, "more than 10 embeds")
    need(units(embeds[0]["title"]) <= 256, "title")
    need(all(0 < units(one["description"]) <= 4096 for one in embeds), "description")
    texts = [embeds[0]["title"], *(one["description"] for one in embeds)]
    need(sum(map(units, texts)) <= 6000, "all embeds together")
    for text in texts:
        inert(text)
    return plain("\n".join(texts))


def mattermost(body: bytes) -> str:
    """Check an incoming webhook's body, and return the text."""
    text = json.loads(body)["text"]
    need(units(text) <= 16_383, "the post is too long")
    heading, _, rest = text.partition("\n\n")
    inert(rest)
    inert(heading.removeprefix("**").removesuffix("**"))
    outside = MARKDOWN_LINK.sub(r"\1", CODE.sub("", text))
    need(not re.search(r"@[^\u2060]|<[^\u2060]*\|", outside), "a mention")
    need("<" not in "".join(CODE.findall(text)), "Slack's form of a mention")
    return plain(text).replace("@\u2060", "@").replace("¦", "|")


def inert(markdown: str) -> None:
    """Need that nothing but code, links of the operator and labels is interpreted."""
    rest = LABEL.sub("", MARKDOWN_LINK.sub(r"\1", CODE.sub("", markdown)))
    need(not re.search(PUNCTUATION, re.sub(rf"\\{PUNCTUATION}", "", rest)), f"a format: {rest!r}")


def plain(markdown: str) -> str:
    return re.sub(rf"\\({PUNCTUATION})", r"\1", markdown)


def pagerduty(body: bytes) -> str:
    """Check an event of version 2, and return its details as text."""
    need(len(body) <= 512_000, "the event is larger than 512 KB")
    sent = json.loads(body)
    need(len(sent["routing_key"]) == 32, "routing_key")
    need(sent["event_action"] in ("trigger", "acknowledge", "resolve"), "event_action")
    need(0 < len(sent["dedup_key"]) <= 255, "dedup_key")
    if sent["event_action"] != "trigger":
        return ""
    payload = sent["payload"]
    need(0 < len(payload["summary"]) <= 1024 and payload["source"], "summary and source")
    need(payload["severity"] in ("critical", "error", "warning", "info"), "severity")
    need(all(re.match(r"https?://", one["href"]) for one in sent["links"]), "a link of another scheme")
    return "\n".join([payload["summary"], *payload["custom_details"].values(), *(x["href"] for x in sent["links"])])


def alertmanager(body: bytes) -> str:
    """Check the body of POST /api/v2/alerts, and return the text of the annotations."""
    [alert] = json.loads(body)
    need(alert["labels"]["alertname"] and all(alert["labels"].values()), "labels")
    need(all(re.fullmatch(r"[a-zA-Z_]\w*", one) for one in [*alert["labels"], *alert["annotations"]]), "names")
    need(alert["startsAt"] <= alert["endsAt"], "the alert ends before it starts")
    return "\n".join(alert["annotations"].values())


def webhook(body: bytes, headers: Mapping[str, str], secret: str = "") -> Any:
    """Check a body and its signature, and return what the body holds."""
    need(len(body) <= 20_000 or not json.loads(body), "the body is larger than 20 KB")
    need(re.fullmatch(r"[\x21-\x7e]+", headers["webhook-id"]), "webhook-id")
    if secret:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        good = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        need(good in headers["webhook-signature"].split(" "), "the signature is wrong")
    if headers.get("ce-specversion"):
        need(all(re.fullmatch(r"[\x21-\x7e]+", headers[one]) for one in ("ce-id", "ce-source", "ce-type")), "ce-")
        return json.loads(body)
    sent = json.loads(body)
    need(set(sent) == {"type", "timestamp", "data"}, "type, timestamp and data")
    return sent["data"]
