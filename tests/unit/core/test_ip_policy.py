"""What an address leads to, and whether it may be connected to."""

from ipaddress import IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_operator.core import ip_policy
from runbook_operator.core.ip_policy import Kind, canonical, embedded, kind, parse, refusal, refusal_in_cluster

KINDS = {
    Kind.PUBLIC: ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808"],
    Kind.METADATA: ["169.254.169.254", "100.100.100.200", "fd00:ec2::254", "168.63.129.16", "fe80::a9fe:a9fe"],
    Kind.UNSPECIFIED: ["0.0.0.0", "0.1.2.3", "::"],  # noqa: S104 # nothing is bound here
    Kind.LOOPBACK: ["127.0.0.1", "127.255.255.255", "::1"],
    Kind.LINK_LOCAL: ["169.254.0.1", "169.254.169.253", "fe80::1", "febf::1"],
    Kind.MULTICAST: ["224.0.0.1", "239.255.255.255", "ff02::1"],
    Kind.BROADCAST: ["255.255.255.255"],
    Kind.PRIVATE: ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"],
    Kind.UNIQUE_LOCAL: ["fc00::1", "fdff::1", "fec0::1"],
    Kind.SHARED: ["100.64.0.1", "100.127.255.255"],
    Kind.RESERVED: [
        "240.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "2001:db8::1",
        "2002:808:808::1",
        "::2",
        "4000::1",
        "8000::1",
    ],
}
EVERY = [(what, text) for what, texts in KINDS.items() for text in texts]
EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))
any_address = st.ip_addresses(v=4) | st.ip_addresses(v=6)


def why(text: str, *networks: str, forbidden: tuple[str, ...] = (), inside: bool = False) -> str:
    ask = refusal_in_cluster if inside else refusal
    own = [ip_address(one) for one in forbidden]
    return ask(ip_address(text), allowed=[ip_network(one) for one in networks], forbidden=own)


@pytest.mark.parametrize(("what", "text"), EVERY)
def test_address_has_exactly_one_kind(what: Kind, text: str) -> None:
    assert kind(ip_address(text)) == what


@pytest.mark.parametrize(("what", "text"), EVERY)
def test_url_allows_only_public_addresses(what: Kind, text: str) -> None:
    said = refusal(ip_address(text), allowed=EVERYWHERE, forbidden=())

    assert bool(said) == (what != Kind.PUBLIC)
    assert not said or f"{what} addresses are refused unless RUNBOOK_ALLOWED_NETWORKS lists them" in said


@pytest.mark.parametrize(("what", "text"), EVERY)
def test_service_refuses_only_special_addresses(what: Kind, text: str) -> None:
    special = {"metadata", "unspecified", "loopback", "link_local", "multicast", "broadcast"}

    refused = bool(why(text, inside=True))

    assert refused == (what.name.lower() in special or text == "::2"), "::2 is 0.0.0.2 in other clothes"


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.1.2.3", "10.0.0.0/8"),
        ("10.1.2.3", "10.1.2.0/24"),
        ("127.0.0.1", "127.0.0.0/8"),
        ("::1", "::1/128"),
        ("169.254.169.254", "169.254.169.254/32"),
        ("169.254.7.7", "169.254.0.0/16"),
        ("100.64.1.1", "100.64.0.0/10"),
        ("fd12::1", "fd12::/16"),
    ],
)
def test_allowed_network_permits_its_addresses(text: str, network: str) -> None:
    assert why(text)
    assert why(text, "192.168.7.0/24", "2001:db8::/32", network) == ""


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("169.254.169.254", "169.254.0.0/16"),
        ("127.0.0.1", "0.0.0.0/0"),
        ("10.1.2.3", "8.0.0.0/6"),
        ("100.100.100.200", "100.64.0.0/10"),
        ("fd00:ec2::254", "fd00::/8"),
        ("10.1.2.3", "10.1.3.0/24"),
        ("10.1.2.3", "::/128"),
    ],
)
def test_network_larger_than_a_special_range_permits_nothing(text: str, network: str) -> None:
    assert why(text, network)


@pytest.mark.parametrize("inside", [False, True])
def test_api_server_address_is_refused_unless_allowed_alone(inside: bool) -> None:  # noqa: FBT001
    assert "10.96.0.1: the API server's own" in why("10.96.0.1", forbidden=("10.96.0.1",), inside=inside)
    assert why("10.96.0.1", "10.96.0.0/16", forbidden=("10.96.0.1",), inside=inside)
    assert why("10.96.0.2", "10.96.0.0/16", forbidden=("10.96.0.1",), inside=inside) == ""
    assert why("10.96.0.1", "10.96.0.1/32", forbidden=("10.96.0.1",), inside=inside) == ""
    assert why("8.8.8.8", forbidden=("8.8.8.8",), inside=inside)


def test_api_server_address_in_ipv6_form_is_refused() -> None:
    assert why("::ffff:10.96.0.1", "10.96.0.0/16", forbidden=("10.96.0.1",))
    assert why("10.96.0.1", "10.96.0.0/16", forbidden=("::ffff:10.96.0.1",))
    assert "leads to 10.96.0.1" in why("64:ff9b::a60:1", "10.96.0.0/16", forbidden=("10.96.0.1",), inside=True)


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("2002:a9fe:a9fe::1", ["169.254.169.254"]),
        ("2001:0:a00:1::80ff:fffe", ["10.0.0.1", "127.0.0.1"]),
        ("64:ff9b::7f00:1", ["127.0.0.1"]),
        ("64:ff9b:1::7f00:1", ["127.0.0.1"]),
        ("::ffff:0:a00:1", ["10.0.0.1"]),
        ("::a00:1", ["10.0.0.1"]),
        ("2606:4700::1111", []),
        ("10.0.0.1", []),
        ("::1", []),
        ("::", []),
    ],
)
def test_tunnel_and_translation_addresses_are_judged_by_the_embedded_address(text: str, inner: list[str]) -> None:
    assert [str(one) for one in embedded(ip_address(text))] == inner


def test_embedded_address_is_checked_even_in_an_allowed_network() -> None:
    assert why("64:ff9b::808:808") == ""
    assert why("64:ff9b::7f00:1").startswith("64:ff9b::7f00:1 leads to 127.0.0.1: loopback addresses")
    assert "leads to 169.254.169.254" in why("2002:a9fe:a9fe::1", "2002:a9fe::/32")
    assert why("2002:808:808::1", "2002:808::/32") == ""


def test_mapped_address_is_judged_as_its_ipv4_address() -> None:
    assert canonical(IPv6Address("::ffff:10.0.0.1")) == ip_address("10.0.0.1")
    assert why("::ffff:8.8.8.8") == ""
    assert why("::ffff:127.0.0.1") == why("127.0.0.1")


def test_zone_of_an_address_is_ignored() -> None:
    assert parse("fe80::1%eth0") == ip_address("fe80::1")
    assert kind(canonical(IPv6Address("fe80::a9fe:a9fe%eth0"))) == Kind.METADATA


@pytest.mark.parametrize(
    "text", ["", "127.1", "0177.0.0.1", "0x7f.0.0.1", "2130706433", "1.2.3.4 ", "[::1]", "localhost"]
)
def test_only_strict_notation_is_an_address(text: str) -> None:
    assert parse(text) is None


@given(any_address)
def test_every_address_has_a_kind_and_its_own_network_permits_it(address: ip_policy.IPAddress) -> None:
    plain = canonical(address)

    assert canonical(plain) == plain
    if kind(plain) == Kind.PUBLIC and not embedded(plain):
        assert refusal(plain, allowed=(), forbidden=()) == ""
    named = [ip_network(one) for one in (plain, *embedded(plain))]
    assert refusal(address, allowed=named, forbidden=[plain]) == ""
