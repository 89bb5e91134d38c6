"""Parse URLs into one canonical spelling, and match them with the URL patterns that the administrator allows.

Programs parse an odd URL differently, and attackers use that difference to pass guards. So an ambiguous URL is refused,
not repaired. No error repeats the URL, which may contain a password.
"""

import re
from dataclasses import dataclass, replace

import idna

from runbook_operator.core import ip_policy

PORTS = {"http": 80, "https": 443}
LONGEST = 2048
LONGEST_HOST = 253
_ODD = re.compile(r"[\x00-\x20\x7f\\#]")
_WHOLE = re.compile(r"([A-Za-z]+)://([^/?]*)([^?]*)(?:\?(.*))?")
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^\[\]:]*)(?::([0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_TEXT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_HIDDEN = re.compile(r"%(?:2F|5C|25|[01].|7F)")
"""An escaped slash, backslash, per cent or control character in a path, which some servers decode first."""


class UrlError(ValueError):
    """A URL or a pattern cannot be used. The message quotes nothing of it."""


@dataclass(frozen=True)
class Url:
    """A URL in its canonical spelling. The host is ASCII, without a dot at its end; an address has no brackets."""

    scheme: str
    host: str
    port: int
    path: str
    query: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def authority(self) -> str:
        """The host as a request names it, with the port if it is not the default one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        """The path and the query."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True)
class Pattern:
    """A pattern of allowed URLs: `https://*.example.com/health/*`."""

    scheme: str
    labels: tuple[str, ...]
    port: int
    path: str
    and_below: bool

    def matches(self, url: Url) -> bool:
        labels = url.host.split(".")
        return (
            (url.scheme, url.port, len(labels)) == (self.scheme, self.port, len(self.labels))
            and all(ours in ("*", theirs) for ours, theirs in zip(self.labels, labels, strict=True))
            and (url.path.startswith(self.path) if self.and_below else url.path == self.path)
        )


def parse(text: str) -> Url:
    """Return the URL in its canonical spelling; raise UrlError if it is invalid or ambiguous."""
    if len(text) > LONGEST:
        raise UrlError(f"a URL must have at most {LONGEST} characters")
    if _ODD.search(text):
        raise UrlError("a URL must have no white space, control character, backslash or fragment")
    if not (whole := _WHOLE.fullmatch(text)) or (scheme := whole[1].lower()) not in PORTS:
        raise UrlError("a URL must begin with http:// or https://")
    host, port = _authority(whole[2])
    return Url(scheme, host, port or PORTS[scheme], _path(whole[3] or "/"), _spelled(whole[4] or ""))


def pattern(text: str) -> Pattern:
    """Parse a pattern: scheme, host, optional port and path. `*` is any whole label of the host, except the last.

    A `*` at the end of the path stands for any rest. Any query of a URL matches.
    """
    whole = _WHOLE.fullmatch(text)
    if not whole or whole[4] is not None:
        raise UrlError("a pattern must be https://host/path without a query")
    raw = whole[2].split(".")
    plain = parse(f"{whole[1]}://{'.'.join('x' if one == '*' else one for one in raw)}{whole[3].removesuffix('*')}")
    if "*" in plain.path:
        raise UrlError("a * in the path of a pattern must be its last character")
    labels = plain.host.split(".")
    if "*" in raw:
        labels = _starred(raw, labels)
    return Pattern(plain.scheme, tuple(labels), plain.port, plain.path, whole[3].endswith("*"))


def shown(text: str) -> str:
    """Return the URL without its query, for a status; a URL that cannot be parsed is not shown."""
    try:
        return str(replace(parse(text), query=""))
    except UrlError:
        return "the URL"


def hostname(text: str) -> str:
    """Return the canonical host: lower case, ASCII, no dot at the end, an address in its canonical form."""
    if text.startswith("[") and text.endswith("]"):
        return _sixth(text[1:-1])
    name = (text if text.isascii() else _ascii(text)).lower().removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _fourth(name)
    if len(name) > LONGEST_HOST or not all(map(_LABEL.fullmatch, labels)):
        raise UrlError("the host must be a name of letters, digits and hyphens, or an IP address")
    for label in labels:
        if label.startswith("xn--"):
            _ascii(label)
    return name


def _starred(raw: list[str], labels: list[str]) -> list[str]:
    if raw[-1] == "*" or len(raw) != len(labels):
        raise UrlError("a * in the host of a pattern must be one whole label between dots, and not the last label")
    return ["*" if one == "*" else label for one, label in zip(raw, labels, strict=True)]


def _authority(text: str) -> tuple[str, int | None]:
    if "@" in text:
        raise UrlError("a URL must not contain a user name; take credentials from a Secret")
    if "%" in text:
        raise UrlError("the host of a URL must have no per cent sign: escapes and zones are refused")
    if not (parts := _AUTHORITY.fullmatch(text)):
        raise UrlError("the scheme must be followed by a host, and optionally a colon and a port")
    port = int(parts[2]) if parts[2] else None
    if port is not None and not 0 < port < 65536:  # noqa: PLR2004 # TCP's own bounds
        raise UrlError("a port must be a number from 1 to 65535")
    return hostname(parts[1]), port


def _sixth(text: str) -> str:
    if ":" not in text or "%" in text or not (address := ip_policy.parse(text)):
        raise UrlError("brackets must contain an IPv6 address without a zone")
    return str(address)


def _fourth(name: str) -> str:
    """Parse a host that ends in a number; raise UrlError unless it is a plain IPv4 address.

    Resolvers read 127.1, 0x7f000001, 017700000001 and 2130706433 as addresses, and not all as the same.
    """
    if not (address := ip_policy.parse(name)):
        raise UrlError("a host that ends in a number must be an IPv4 address of four plain decimal numbers")
    return str(address)


def _ascii(name: str) -> str:
    try:
        return idna.encode(name, uts46=True, std3_rules=True).decode()
    except UnicodeError as error:  # IDNAError is one
        raise UrlError("the host is not a valid internationalised name") from error


def _path(text: str) -> str:
    path = _spelled(text)
    if _HIDDEN.search(path):
        raise UrlError("the path of a URL must not escape a slash, backslash, per cent sign or control character")
    if any(segment.partition(";")[0] in (".", "..") for segment in path.split("/")):
        raise UrlError("the path of a URL must have no segment . or ..")
    return path


def _spelled(text: str) -> str:
    """Return the text with escapes only where they are needed, in upper case."""
    if not _TEXT.fullmatch(text):
        raise UrlError("path and query of a URL must be ASCII; write other characters as % and two digits")
    return _ESCAPE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if _UNRESERVED.fullmatch(character) else found[0].upper()
