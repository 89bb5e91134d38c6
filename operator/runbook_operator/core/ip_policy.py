"""Classify IP addresses by their purpose, and decide which of them the operator may connect to.

The table is our own, since `is_private` and `is_global` of ipaddress differ between patch releases of Python.
"""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network


class Kind(StrEnum):
    """The purpose of a block of addresses, as a message names it."""

    PUBLIC = "public"
    METADATA = "cloud metadata"
    UNSPECIFIED = "unspecified"
    LOOPBACK = "loopback"
    LINK_LOCAL = "link-local"
    MULTICAST = "multicast"
    BROADCAST = "broadcast"
    PRIVATE = "private"
    UNIQUE_LOCAL = "unique local"
    SHARED = "shared"
    RESERVED = "reserved"


NEVER_SERVED = frozenset(
    {Kind.METADATA, Kind.UNSPECIFIED, Kind.LOOPBACK, Kind.LINK_LOCAL, Kind.MULTICAST, Kind.BROADCAST}
)
"""No Service and no pod has an address of these kinds: an EndpointSlice with one leads elsewhere."""
NOT_PUBLIC = frozenset(Kind) - {Kind.PUBLIC}

BLOCKS: Mapping[Kind, Sequence[str]] = {
    # AWS and most others, its containers and pods, Alibaba, Azure's wire server, Oracle, and those of them in IPv6.
    Kind.METADATA: (
        *("169.254.169.254/32", "169.254.170.2/32", "169.254.170.23/32", "100.100.100.200/32", "168.63.129.16/32"),
        *("192.0.0.192/32", "fd00:ec2::254/128", "fd00:ec2::23/128", "fd20:ce::254/128", "fe80::a9fe:a9fe/128"),
    ),
    # Linux connects 0.0.0.0 and :: to the machine itself.
    Kind.UNSPECIFIED: ("0.0.0.0/8", "::/128"),
    Kind.LOOPBACK: ("127.0.0.0/8", "::1/128"),
    Kind.LINK_LOCAL: ("169.254.0.0/16", "fe80::/10"),
    Kind.MULTICAST: ("224.0.0.0/4", "ff00::/8"),
    Kind.BROADCAST: ("255.255.255.255/32",),
    Kind.PRIVATE: ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    Kind.UNIQUE_LOCAL: ("fc00::/7", "fec0::/10"),
    Kind.SHARED: ("100.64.0.0/10",),
    # NAT64's own prefix is as public as the IPv4 address inside; the rest of IPv6's public space is 2000::/3.
    Kind.PUBLIC: ("64:ff9b::/96",),
    Kind.RESERVED: (
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("240.0.0.0/4", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "::/3", "4000::/2", "8000::/1"),
    ),
}
"""The first block that holds an address gives its kind; an address in no block is public."""
_NETWORKS = tuple((kind, ip_network(text)) for kind, texts in BLOCKS.items() for text in texts)
_EMBEDDING = tuple(IPv6Network(text) for text in ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"))
"""Compatible, translated and NAT64 addresses: their last 32 bits are an IPv4 address."""


def parse(text: str) -> IPAddress | None:
    """Return the address, or None if the text is not in strict notation: octal, hexadecimal and short forms fail."""
    try:
        return canonical(ip_address(text))
    except ValueError:
        return None


def canonical(address: IPAddress) -> IPAddress:
    """Return the address without a zone; an IPv4-mapped one as IPv4, since the kernel connects to that."""
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))


def kind(address: IPAddress) -> Kind:
    return _block(address)[0]


def embedded(address: IPAddress) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses to which a tunnel or a translator would send its packets."""
    if isinstance(address, IPv4Address) or kind(address) in (Kind.UNSPECIFIED, Kind.LOOPBACK):
        return ()
    if address.teredo:
        return address.teredo
    if address.sixtofour:
        return (address.sixtofour,)
    return (IPv4Address(int(address) & 0xFFFFFFFF),) if any(address in one for one in _EMBEDDING) else ()


def refusal(address: IPAddress, *, allowed: Sequence[IPNetwork], forbidden: Collection[IPAddress]) -> str:
    """Return the reason why the operator may not connect to an address of a URL; empty if it may.

    `forbidden` are the addresses of the API server. A network in `allowed` allows a special address only if it lies
    wholly in the block that makes the address special: 0.0.0.0/0 allows no loopback, and only 10.96.0.1/32 allows the
    API server at 10.96.0.1.
    """
    return _refusal(canonical(address), allowed, forbidden, NOT_PUBLIC)


def refusal_in_cluster(address: IPAddress, *, allowed: Sequence[IPNetwork], forbidden: Collection[IPAddress]) -> str:
    """Return the same as `refusal` for the address of a Service or a pod; here private addresses are allowed."""
    return _refusal(canonical(address), allowed, forbidden, NEVER_SERVED)


def _refusal(
    address: IPAddress, allowed: Sequence[IPNetwork], forbidden: Collection[IPAddress], refused: frozenset[Kind]
) -> str:
    for one in (address, *embedded(address)):
        if why := _why(one, allowed, forbidden, refused):
            return why if one == address else f"{address} leads to {why}"
    return ""


def _why(
    address: IPAddress, allowed: Sequence[IPNetwork], forbidden: Collection[IPAddress], refused: frozenset[Kind]
) -> str:
    what, block = _block(address)
    if address in {canonical(one) for one in forbidden}:
        return "" if _is_named(address, allowed, address.max_prefixlen) else _sentence(address, "the API server's own")
    if what in refused and not _is_named(address, allowed, block):
        return _sentence(address, what)
    return ""


def _sentence(address: IPAddress, what: str) -> str:
    return f"{address}: {what} addresses are refused unless RUNBOOK_ALLOWED_NETWORKS lists them"


def _is_named(address: IPAddress, allowed: Sequence[IPNetwork], length: int) -> bool:
    """True if an allowed network holds the address and is no larger than the block that holds it."""
    return any(address in one and one.prefixlen >= length for one in allowed)


@lru_cache(maxsize=4096)
def _block(address: IPAddress) -> tuple[Kind, int]:
    """Return the kind of the address, and the prefix length of the block that gives it (0 for none)."""
    found = ((what, network.prefixlen) for what, network in _NETWORKS if address in network)
    return next(found, (Kind.PUBLIC, 0))
