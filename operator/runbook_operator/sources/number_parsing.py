"""Parse numbers as JSON and Kubernetes objects write them."""

import math
import re
from typing import Any

PLAIN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(n|u|m|k|M|G|T|P|E|[KMGTPE]i)")
DECIMAL = dict(zip("num", (1e-9, 1e-6, 1e-3), strict=True)) | {
    unit: 1000.0**power for power, unit in enumerate("kMGTPE", 1)
}
BINARY = {f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", 1)}
FACTORS = DECIMAL | BINARY
LONGEST = 64
TRUE_AND_FALSE = {"true": 1.0, "false": 0.0}


def plain(value: Any) -> float | None:
    """Return a number, a number in a text, or true and false as 1 and 0; None for all else and if not finite."""
    if isinstance(value, str):
        word = TRUE_AND_FALSE.get(value.lower())
        value = float(value) if len(value) <= LONGEST and PLAIN.fullmatch(value) else word
    if not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def quantity(value: Any) -> float | None:
    """Parse as `plain`, and also a Kubernetes quantity such as `500m` (0.5) or `2Gi`."""
    match = QUANTITY.fullmatch(value) if isinstance(value, str) and len(value) <= LONGEST else None
    return float(match[1]) * FACTORS[match[2]] if match else plain(value)
