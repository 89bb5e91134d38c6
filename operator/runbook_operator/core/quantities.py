"""Quantities as people write them: a number and a unit, in one grammar.

    0.99   -3   1e3   1.5k                 a number, also with k, M, G; no commas, they mean different things to people
    5%                                     a ratio
    10s   500 ms   1m30s   2 minutes       a time; `m` is minutes, as in a duration, never the milli of Kubernetes
    2x                                     a multiple of the value that it is compared with
    $50   50 USD   €3                      money: a symbol before or an ISO code after; `$` is the US dollar
    10MB   2 GiB   2Gi                     bytes; case counts, since bits are not bytes
    500 req/s   500/s   10 MB/s   $40/h    a rate: of any word, of bytes, of money; also rps, rpm, qps

Any other word, as in `3 pods`, is refused: otherwise `10 secnds` would be a count of ten.
"""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from runbook_operator.core import durations

Dimension = Literal["number", "ratio", "time", "multiple", "money", "bytes", "rate"]

LIMIT = 1e100
"""A larger number is a typing error. No conversion of a number up to this one overflows."""

SYMBOLS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW"}
CURRENCIES = re.findall(
    "[A-Z]{3}",
    """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR
IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR
MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD
SHP SLE SOS SRD SSP STN SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XOF
XPF YER ZAR ZMW ZWG
""",
)
SCALES = {"k": 1000, "K": 1000, "M": 1000**2, "G": 1000**3}
TIMES = {
    "us": Fraction(1, 1000**2),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86400),
}
DECIMAL = {"B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4}
BINARY = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}
SPELLED = {
    "%": "percent",
    "us": "\u00b5s \u03bcs microsecond microseconds",
    "ms": "msec millisecond milliseconds",
    "s": "sec secs second seconds",
    "m": "min mins minute minutes",
    "h": "hr hrs hour hours",
    "d": "day days",
    "x": "X \u00d7",
    "B": "byte bytes",
    "KiB": "Ki",
    "MiB": "Mi",
    "GiB": "Gi",
    "TiB": "Ti",
    "req/s": "rps",
    "req/m": "rpm",
    "queries/s": "qps",
}
ALIASES = {other: name for name, others in SPELLED.items() for other in others.split()}

FREE = re.compile(r"(?!k[^aeiou])[a-z_]+")
"""The counted thing of a rate, such as `req`. `Mbit` and `kreq` do not match: their scale would be lost."""

SHAPE = re.compile(
    r"\s*(?P<before>(?P<sign>[+-]?)(?P<symbol>[$€£¥₹₩]?)\s*)"
    r"(?P<number>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)?"
    r"\s*(?P<scale>[kKMG](?![^\W\d]))?"
    r"\s*(?P<unit>(?:[%\u00d7]|[^\W\d]+)?(?:\s*/\s*[^\W\d]+)?)"
    r"\s*(?P<rest>.*)",
    re.DOTALL,
)

KINDS = {
    "number": "a number",
    "ratio": "a ratio",
    "time": "a time",
    "multiple": "a multiple",
    "money": "money",
    "bytes": "a number of bytes",
    "rate": "a rate",
}


class QuantityError(ValueError):
    """The text cannot be parsed: the position of the first wrong character (0-based), and the reason."""

    def __init__(self, text: str, position: int, problem: str) -> None:
        self.text = text
        self.position = position
        self.problem = problem
        super().__init__(f"{text!r}, character {position + 1}: {problem}")


@dataclass(frozen=True)
class Quantity:
    """A number with a unit: `1.5k req/min` is 1500 of `req/m`, `$50` is 50 of `USD`, `1m30s` is 90 of `s`."""

    number: float
    dimension: Dimension
    unit: str
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Unit:
    """A unit as a multiple of its base unit. Only units of the same dimension and kind are compared."""

    dimension: Dimension
    scale: Fraction = Fraction(1)
    kind: str = ""


UNITS: dict[str, Unit] = {
    "": Unit("number"),
    "%": Unit("ratio", Fraction(1, 100)),
    "ratio": Unit("ratio"),
    "x": Unit("multiple"),
    **{name: Unit("time", seconds) for name, seconds in TIMES.items()},
    **{name: Unit("bytes", Fraction(size), "bytes") for name, size in {**DECIMAL, **BINARY}.items()},
    **{code: Unit("money", kind=code) for code in CURRENCIES},
}


def parse(text: str) -> Quantity:
    """Parse the text as a quantity; QuantityError points at the wrong character."""
    bare = text.strip()
    if re.fullmatch(durations.PATTERN, bare) and len(re.findall(r"[a-z]+", bare)) > 1:
        return Quantity(durations.duration(bare).total_seconds(), "time", "s", bare)
    found = _shape(text)
    number = float(found["sign"] + found["number"])
    if abs(number) > LIMIT:
        raise QuantityError(text, found.start("number"), "the number is too large")
    name = _named(SYMBOLS.get(found["symbol"], "") + found["unit"])
    unit = _unit(name)
    if unit is None:
        raise QuantityError(text, found.start("unit"), _unknown(found["symbol"] + found["unit"]))
    return Quantity(_times(number, Fraction(SCALES.get(found["scale"], 1))), unit.dimension, name, bare)


def in_unit(quantity: Quantity, unit: str | None) -> float:
    """Convert the quantity to this unit of a query: 5% is 5 in `percent` and 0.05 in `ratio`.

    A `unit` of None is the base unit: ratio, seconds, bytes, per second, the currency itself. A number without a unit
    is in any unit of a query already; a multiple stays a factor. Raises QuantityError if the quantity and the unit
    cannot be compared.
    """
    if quantity.dimension in ("number", "multiple"):
        return quantity.number
    own = _unit(quantity.unit)
    wanted = _unit(_named(unit)) if unit is not None else own and replace(own, scale=Fraction(1))
    if own is None or wanted is None or (own.dimension, own.kind) != (wanted.dimension, wanted.kind):
        problem = f"{quantity.text} is {KINDS[quantity.dimension]} and cannot be compared with values in {unit}"
        raise QuantityError(quantity.text, 0, problem)
    return _times(quantity.number, own.scale / wanted.scale)


def check_unit(name: str) -> None:
    """Raise QuantityError if a query's values cannot have this unit; an empty name is for plain numbers."""
    if _unit(_named(name)) is None:
        raise QuantityError(name, 0, _unknown(name))


def kind(quantity: Quantity) -> str:
    """Return the kind of the quantity for a message; empty if it can be compared with any metric.

    No metric can be compared with quantities of different kinds.
    """
    if quantity.dimension in ("number", "multiple"):
        return ""
    counted = UNITS.get(quantity.unit.partition("/")[0], UNITS[""]).kind
    said = KINDS[quantity.dimension]
    return f"{said} in {counted}" if counted and quantity.dimension != "bytes" else said


def _shape(text: str) -> re.Match[str]:
    """Match the parts of the text; raise QuantityError if anything is left over."""
    found = SHAPE.match(text)
    if found is None or found["number"] is None:
        at = found.end("before") if found else 0
        raise QuantityError(text, at, "a number is expected here, as in 5%, 500 ms, 2x, $50, 2 GiB or 500 req/s")
    if found["rest"].startswith(","):
        raise QuantityError(text, found.start("rest"), "a number is written without commas: 1000, 0.5")
    if found["rest"]:
        raise QuantityError(text, found.start("rest"), "nothing more is expected after a number and its unit")
    return found


def _named(unit: str) -> str:
    """Return the canonical name of the unit: `requests / min` is `requests/m`, `seconds` is `s`."""
    whole = re.sub(r"\s", "", unit)
    return "/".join(ALIASES.get(part, part) for part in ALIASES.get(whole, whole).split("/"))


def _unit(name: str) -> Unit | None:
    """Return the unit of this canonical name, None if there is none."""
    word, slash, per = name.partition("/")
    if not slash:
        return UNITS.get(word)
    if per not in TIMES:
        return None
    counted = UNITS.get(word)
    if counted is None and FREE.fullmatch(word):
        counted = Unit("number")
    if counted is None or counted.dimension not in ("number", "bytes", "money"):
        return None
    return Unit("rate", counted.scale / TIMES[per], counted.kind)


def _unknown(unit: str) -> str:
    near = [name for name in (*UNITS, *ALIASES) if name.casefold() == unit.casefold()]
    hint = f"did you mean {near[0]}?" if near else "a count of things is written as the number alone"
    return f"{unit} is not a unit of percent, time, bytes or money, nor a rate such as req/s; {hint}"


def _times(number: float, scale: Fraction) -> float:
    """Return the product in decimal arithmetic: 7% is 0.07, not 0.07000000000000001."""
    return float(Fraction(str(number)) * scale)
