"""Tells one kind of answer from another, whatever numbers and pods are in it.

A status shows the message of an answer. It is written again when answers are of another kind, and not for each number.
"""

import re

from runbook_operator.core.monitors import Reading

NUMBER = re.compile(r"\d+(\.\d+)?")
STATUS = re.compile(r"^\d{3}(?= from )")


def kind_of(reading: Reading) -> str:
    """What sort of answer it is. All measured values are of one kind: the levels tell them apart."""
    return "" if reading.value is not None else kind_of_text(reading.reason, reading.message, reading.series)


def kind_of_text(reason: str, message: str, series: str) -> str:
    """The text without what changes from answer to answer. Statuses from 500 on are one kind, others one each."""
    text = message.replace(series, "...") if series else message
    status = STATUS.match(text)
    kept = f"{status[0]} " if status and status[0] < "500" else ""
    return f"{reason}: {kept}{NUMBER.sub('0', text)}"
