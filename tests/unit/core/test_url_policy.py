"""URLs in one spelling, and the patterns that allow them."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runbook_operator.core.url_policy import Url, UrlError, hostname, parse, pattern, shown

PIECES = st.sampled_from(
    [
        *(
            "http://",
            "HTTPS://",
            "http:",
            "//",
            "/",
            "\\",
            "@",
            ":",
            "?",
            "#",
            "%",
            "%2e",
            "%41",
            "%2F",
            "%00",
            "%zz",
            ";",
        ),
        *(".", "..", "。", "[", "]", "::1", "[::1]", "[::ffff:127.0.0.1]", "[fe80::1%25eth0]", "127.0.0.1", "0x7f.1"),
        *(
            "2130706433",
            "0177.1",
            "a",
            "A",
            "-",
            "xn--",
            "xn--mnchen-3ya",
            "münchen",
            "ß",
            "①",
            "٣",
            "\u200d",
            "\ud800",
        ),
        *("example.com", "EXAMPLE.com.", ":80", ":443", ":0", ":99999", " ", "\t", "\r\n", "\x00", "*", "a" * 64, "~"),
    ]
)
unhurried = settings(deadline=None)
"""The first international name of a process has tables read in."""
urlish = st.text() | st.lists(PIECES, max_size=12).map("".join) | PIECES.map(lambda one: f"http://{one}/")
urlish |= st.lists(PIECES, max_size=5).map(lambda some: f"https://{''.join(some)}/")


def refused(text: str) -> str:
    with pytest.raises(UrlError) as caught:
        parse(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("HTTP://EXAMPLE.com", "http://example.com/"),
        ("http://example.com:80/a", "http://example.com/a"),
        ("https://example.com:443", "https://example.com/"),
        ("https://example.com:0443/", "https://example.com/"),
        ("http://example.com:443/", "http://example.com:443/"),
        ("http://example.com./a", "http://example.com/a"),
        ("http://example.com/%7ea%2Db%c3%a9", "http://example.com/~a-b%C3%A9"),
        ("http://example.com/a?b=%41&c=/?d", "http://example.com/a?b=A&c=/?d"),
        ("http://example.com/a?", "http://example.com/a"),
        ("http://example.com?a", "http://example.com/?a"),
        ("http://MÜNCHEN.example/", "http://xn--mnchen-3ya.example/"),
        ("http://münchen。example/", "http://xn--mnchen-3ya.example/"),
        ("http://xn--MNCHEN-3ya.example/", "http://xn--mnchen-3ya.example/"),
        ("http://r1---sn-4g5e.example.com/", "http://r1---sn-4g5e.example.com/"),
        ("http://\uff11\uff12\uff17.0.0.1/", "http://127.0.0.1/"),
        ("http://[2606:4700:0:0::1111]:8080/", "http://[2606:4700::1111]:8080/"),
        ("http://[::FFFF:7f00:1]/", "http://127.0.0.1/"),
        ("http://[::ffff:10.0.0.1]/", "http://10.0.0.1/"),
        ("http://web/a;b=1/c", "http://web/a;b=1/c"),
        ("http://web//a/.well-known/...", "http://web//a/.well-known/..."),
    ],
)
def test_url_is_normalized_to_one_spelling(text: str, spelled: str) -> None:
    assert str(parse(text)) == spelled


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("http://a/" + "b" * 2048, "2048 characters"),
        ("http://a/\tb", "no white space"),
        (" http://a/", "no white space"),
        ("http://a\\b/", "backslash"),
        ("http://a/#b", "fragment"),
        ("ftp://a/", "must begin with http:// or https://"),
        ("http:/a", "must begin with http:// or https://"),
        ("//a/", "must begin with http:// or https://"),
        ("", "must begin with http:// or https://"),
        ("http://user:secret@a/", "not contain a user name"),
        ("http://a%2eb/", "no per cent sign"),
        ("http://[fe80::1%eth0]/", "no per cent sign"),
        ("http://a:b/", "a host, and optionally a colon and a port"),
        ("http://a:/", "a host, and optionally a colon and a port"),
        ("http://::1/", "a host, and optionally a colon and a port"),
        ("http://a:0/", "from 1 to 65535"),
        ("http://a:65536/", "from 1 to 65535"),
        ("http:///a", "letters, digits and hyphens"),
        ("http://a..b/", "letters, digits and hyphens"),
        ("http://a_b/", "letters, digits and hyphens"),
        ("http://-a/", "letters, digits and hyphens"),
        ("http://" + "a." * 126 + "ab/", "letters, digits and hyphens"),
        ("http://[127.0.0.1]/", "brackets must contain an IPv6 address"),
        ("http://[::g]/", "brackets must contain an IPv6 address"),
        ("http://0x7f.1/", "four plain decimal numbers"),
        ("http://a.0x/", "four plain decimal numbers"),
        ("http://2130706433/", "four plain decimal numbers"),
        ("http://017700000001/", "four plain decimal numbers"),
        ("http://1.2.3.4.5/", "four plain decimal numbers"),
        ("http://xn--a/", "internationalised"),
        ("http://\ud800/", "internationalised"),
        ("http://a/é", "must be ASCII"),
        ("http://a/%zz", "must be ASCII"),
        ("http://a/?%4", "must be ASCII"),
        ('http://a/?"', "must be ASCII"),
        ("http://a/b/../c", "no segment . or .."),
        ("http://a/b/%2e%2E/c", "no segment . or .."),
        ("http://a/b/..;x=1/c", "no segment . or .."),
        ("http://a/.", "no segment . or .."),
        ("http://a/b%2f..%2fc", "not escape a slash"),
        ("http://a/b%5cc", "not escape a slash"),
        ("http://a/b%252e", "not escape a slash"),
        ("http://a/b%0d%0ac", "not escape a slash"),
        ("http://a/b%7f", "not escape a slash"),
    ],
)
def test_ambiguous_url_is_refused_with_a_reason(text: str, why: str) -> None:
    assert why in refused(text)


def test_no_refusal_repeats_the_url() -> None:
    assert "secret" not in refused("http://user:secret@a/") + refused("http://a:secret/") + refused(
        "http://a/?\"secret'"
    )


@unhurried
@given(urlish)
@example("http://a.example.com%40169.254.169.254/health")
def test_any_text_parses_to_one_url_or_one_error(text: str) -> None:
    try:
        once = parse(text)
    except UrlError:
        return
    assert parse(str(once)) == once
    assert str(once).isascii()
    assert hostname(f"[{once.host}]" if ":" in once.host else once.host) == once.host


@unhurried
@given(urlish)
def test_any_text_parses_to_one_pattern_or_one_error(text: str) -> None:
    try:
        found = pattern(text)
    except UrlError:
        return
    assert "*" not in found.path
    assert found.labels[-1] != "*"


@unhurried
@given(urlish, urlish)
def test_matching_url_has_scheme_port_and_path_of_the_pattern(text: str, url: str) -> None:
    try:
        allowed, asked = pattern(text), parse(url)
    except UrlError:
        return
    if allowed.matches(asked):
        assert (asked.scheme, asked.port) == (allowed.scheme, allowed.port)
        assert asked.path.startswith(allowed.path)


@pytest.mark.parametrize(
    ("allowed", "url", "matches"),
    [
        ("https://*.example.com/health/*", "https://a.example.com/health/live?full=1", True),
        ("https://*.example.com/health/*", "https://A.Example.com.:443/health/", True),
        ("https://*.example.com/health/*", "https://a.b.example.com/health/", False),
        ("https://*.example.com/health/*", "https://example.com/health/", False),
        ("https://*.example.com/health/*", "https://a.example.com.evil.test/health/", False),
        ("https://*.example.com/health/*", "https://a.evilexample.com/health/", False),
        ("https://*.example.com/health/*", "http://a.example.com/health/", False),
        ("https://*.example.com/health/*", "https://a.example.com:8443/health/", False),
        ("https://*.example.com/health/*", "https://a.example.com/health", False),
        ("https://*.example.com/health/*", "https://a.example.com/admin?/health/", False),
        ("https://*.example.com/health*", "https://a.example.com/healthz", True),
        ("https://*.example.com/health", "https://a.example.com/health?a=1", True),
        ("https://*.example.com/health", "https://a.example.com/health/", False),
        ("https://a.*.example.com:8443/*", "https://a.b.example.com:8443/c", True),
        ("https://*.*.example.com/*", "https://a.b.example.com/", True),
        ("https://example.com", "https://example.com/", True),
        ("https://example.com", "https://example.com/a", False),
        ("HTTPS://MÜNCHEN.example/*", "https://xn--mnchen-3ya.example/", True),
        ("http://10.0.0.1:9090/*", "http://10.0.0.1:9090/api", True),
        ("http://[::1]/*", "http://[0:0::1]/", True),
        ("http://127.0.0.1/*", "http://[::ffff:127.0.0.1]/", True),
    ],
)
def test_pattern_matches_only_its_urls(allowed: str, url: str, matches: bool) -> None:  # noqa: FBT001
    assert pattern(allowed).matches(parse(url)) is matches


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("*", "a pattern must be"),
        ("example.com/*", "a pattern must be"),
        ("https://example.com/?a=*", "without a query"),
        ("*://example.com/", "a pattern must be"),
        ("https://*/", "not the last label"),
        ("https://*.*/", "not the last label"),
        ("https://10.0.0.*/", "not the last label"),
        ("https://*.example.com./", "label"),
        ("https://*.0.0.1/", "four plain decimal numbers"),
        ("https://a*.example.com/", "letters, digits and hyphens"),
        ("https://*:8443/", "letters, digits and hyphens"),
        ("https://example.com:*/", "a host, and optionally a colon and a port"),
        ("https://example.com/*/live", "its last character"),
        ("https://example.com/**", "its last character"),
        ("https://user@example.com/*", "not contain a user name"),
        ("https://example.com/a/../*", "no segment . or .."),
    ],
)
def test_too_broad_or_unreadable_pattern_is_refused(text: str, why: str) -> None:
    with pytest.raises(UrlError) as caught:
        pattern(text)

    assert why in str(caught.value)


def test_hostname_is_normalized_to_one_spelling() -> None:
    assert hostname("API.Example.com.") == "api.example.com"
    assert hostname("[::1]") == "::1"
    for text in ("[", "[::1", "a/b", "a b", "u@a", ""):
        with pytest.raises(UrlError):
            hostname(text)


def test_url_parts_are_formatted_with_separators() -> None:
    assert str(Url("https", "::1", 8443, "/a", "b")) == "https://[::1]:8443/a?b"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://Example.com:443/health?token=k3y", "https://example.com/health"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ("http://user:s3cret@example.com/", "the URL"),
        ("nonsense k3y", "the URL"),
    ],
)
def test_url_is_shown_without_possible_credentials(text: str, said: str) -> None:
    assert shown(text) == said
