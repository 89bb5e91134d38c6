"""Compute the kind of a reading, which ignores the numbers and pod names in its message.

A status shows the message of a reading. The operator writes it again if the kind changes, not for each number.
"""

import re

from runbook_operator.core.monitors import Reading

NUMBER = re.compile(r"\d+(\.\d+)?")
STATUS = re.compile(r"^\d{3}(?= from )")


def kind_of(reading: Reading) -> str:
    """Return the kind of a reading. All measured values are of one kind, since levels distinguish them."""
    return "" if reading.value is not None else kind_of_text(reading.reason, reading.message, reading.series)


def kind_of_text(reason: str, message: str, series: str) -> str:
    """Return the text without the series and the numbers. HTTP statuses below 500 are kept; all others are one kind."""
    text = message.replace(series, "...") if series else message
    status = STATUS.match(text)
    kept = f"{status[0]} " if status and status[0] < "500" else ""
    return f"{reason}: {kept}{NUMBER.sub('0', text)}"
