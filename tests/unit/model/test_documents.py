"""One value inside a text, and not a byte beside it."""

import json

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from runbook_operator.model.documents import AbsentError, FieldError, find, is_json, replaced, scalar, spelled

KEY = ("flags", "ai")
RAW = [
    "true",
    '"true"',
    "'it''s'",
    "12",
    "~",
    "a word",
    "http://x/#y",
    '"a\\tb"',
    "|\n    a block",
    ">-\n    folded\n    x",
]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def file(raw: str, *, end: str = "\n", comment: str = "  # who: me 😀") -> str:
    """A file as people keep it: a comment after the value, and things that look like it around."""
    tail = "" if raw.startswith(("|", ">")) else comment
    lines = f"# ai: no é\nai: 'x'\nflags:\n  é: [ai, \"😀\"]\n  ai:   {raw}{tail}\n\n  other: {{ai: 1}}  \n# end\n"
    return lines.replace("\n", end)


def raw_at(text: str, keys: tuple[str, ...]) -> str:
    return text[slice(*find(text, keys))]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("raw", RAW)
def test_a_value_is_found_as_it_is_written(raw: str, end: str) -> None:
    assert raw_at(file(raw, end=end), KEY) == raw.replace("\n", end)


@given(st.sampled_from(RAW), st.sampled_from(RAW), st.sampled_from(["\n", "\r\n"]))
def test_only_the_value_is_replaced_and_back_again(old: str, new: str, end: str) -> None:
    before, raw = file(old, end=end, comment=""), new.replace("\n", end)

    after = replaced(before, KEY, raw)

    assert after == file(new, end=end, comment="")
    assert replaced(after, KEY, old.replace("\n", end)) == before


@given(TEXTS, st.sampled_from(["true", '"x"', "'x'", "12", "|\n  x"]))
@example("a\x85b", "'x'")
@example("\ufeff", '"x"')
@example("=", "true")
@example("-", "true")
@example("9" * 5000, "12")
def test_any_text_can_be_written_in_the_manner_of_any_other(value: str, like: str) -> None:
    raw = scalar(value, like)

    for text in (file("x"), "{flags: {ai: x, b: c}}"):
        assert yaml.load(raw, Loader=yaml.BaseLoader) == value  # noqa: S506 - BaseLoader makes only strings
        assert raw_at(replaced(text, KEY, raw), KEY) == raw


@given(TEXTS, st.sampled_from(["true", '"x"', "12", "null"]))
def test_json_stays_json(value: str, like: str) -> None:
    text = f'{{\n\t"é": "\\/",\r\n\t"flags":\t{{"ai": {like}, "b": [1,\t2]}}}}'

    after = replaced(text, KEY, scalar(value, like, text))

    read = json.loads(after)["flags"]["ai"]
    assert read == value or json.dumps(read) == value or isinstance(read, int | float)


@pytest.mark.parametrize(
    ("value", "like", "raw"),
    [
        ("false", "true", "false"),
        ("false", '"true"', '"false"'),
        ("false", "'true'", "'false'"),
        ("it's", "'true'", "'it''s'"),
        ("two\nlines", "'true'", '"two\\nlines"'),
        ("off", "on", "off"),
        ("a b", "x", "a b"),
        ("a: b", "x", '"a: b"'),
        ("a #b", "x", '"a #b"'),
        ("a,b", "x", '"a,b"'),
        ("'x'", "x", "\"'x'\""),
        ("*a", "x", '"*a"'),
        ("", "x", '""'),
        ("<<", "x", '"<<"'),
        ("2020-99-99", "x", '"2020-99-99"'),
        ("\x7f😀", '"x"', '"\\u007f😀"'),
    ],
)
def test_a_value_is_written_in_the_manner_of_the_old_one(value: str, like: str, raw: str) -> None:
    assert scalar(value, like) == raw


@pytest.mark.parametrize(
    ("value", "raw"), [("false", "false"), ("-1.5e3", "-1.5e3"), ("null", "null"), ("off", '"off"'), ("01", '"01"')]
)
def test_only_what_json_knows_is_bare_in_json(value: str, raw: str) -> None:
    assert scalar(value, "true", ' {"a": true}') == raw
    assert scalar(value, '"x"', ' {"a": "x"}') == json.dumps(value)


@pytest.mark.parametrize(
    ("text", "part"),
    [("", "#flags"), ("flags: {}", "#flags.ai"), ("flags:", "#flags.ai"), ("just words", "#flags"), ("- a", "#flags")],
)
def test_a_place_that_is_not_there_is_absent(text: str, part: str) -> None:
    with pytest.raises(AbsentError, match=f"^#flags.ai: the document has no {part}"):
        find(text, KEY)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("flags: {ai: [1]}", "a map or a list"),
        ("flags:\n  ai: &x 1", "anchor"),
        ("x: &x 1\nflags:\n  ai: *x", "anchor"),
        ("x: &x {ai: 1}\nflags: *x", "anchor"),
        ("flags: &x {ai: 1}", "anchor"),
        ("flags: {ai: !!str 1}", "tag"),
        ("--- &x\nflags: {ai: 1}", "anchor"),
        ("flags: {ai: 1}\n---\na: 1", "several YAML documents"),
        ("flags: {ai: 1, ai: 2}", "#flags.ai more than once"),
        ("flags:\n\tai: 1", "not a YAML or JSON document: .* in line 2"),
        ("flags: {ai: 1", "not a YAML or JSON document: .* in line 1"),
        ("flags: \x00", "not a YAML or JSON document: ReaderError"),
        ('flags: "\\UFFFFFFFF"', "not a YAML or JSON document: OverflowError"),
        ("[" * 900, "not a YAML or JSON document: RecursionError"),
    ],
)
def test_what_cannot_be_changed_alone_is_refused(text: str, problem: str) -> None:
    with pytest.raises(FieldError, match=f"^#flags.ai: .*{problem}"):
        replaced(text, KEY, "2")


@pytest.mark.parametrize("text", ["flags: {ai: 1}", "flags:\n  ai: 1\n"])
@pytest.mark.parametrize(
    "raw", ["a: b", "x # y", " x", "x\n", '"open', "[1]", "1\nflags: 2", "&a x", "*a", "- x", "!x y"]
)
def test_what_would_not_be_one_value_is_not_written(text: str, raw: str) -> None:
    with pytest.raises(FieldError, match="would not be one value"):
        replaced(text, KEY, raw)


@pytest.mark.parametrize("raw", ["x, y", "x}", "[x"])
def test_in_braces_more_is_needed_to_be_one_value(raw: str) -> None:
    with pytest.raises(FieldError, match="would not be one value"):
        replaced("flags: {ai: 1}", KEY, raw)


def test_json_takes_no_yaml() -> None:
    with pytest.raises(FieldError, match="would not be one value"):
        replaced('{"flags": {"ai": true}}', KEY, "off")


def test_an_empty_value_is_neither_filled_nor_made() -> None:
    assert replaced("flags:\n  ai:\n", KEY, "") == "flags:\n  ai:\n"
    with pytest.raises(FieldError, match="left empty"):
        replaced("flags:\n  ai:\n", KEY, "1")
    with pytest.raises(FieldError, match="left empty"):
        replaced("flags:\n  ai: 1\n", KEY, "")


@given(st.text("ab:-{}[]'\"#&*!|>%@\\ \t\r\n,?0x\x85é", max_size=30), TEXTS)
def test_whatever_the_text_it_is_refused_or_only_the_value_changes(text: str, raw: str) -> None:
    try:
        after = replaced(text, ("a",), raw)
    except FieldError:
        return

    start, end = find(text, ("a",))
    assert after == text[:start] + raw + text[end:]


def test_a_map_in_braces_is_json_only_if_json_can_read_it() -> None:
    assert is_json('\n{"a": 1}')
    assert not is_json("{a: 1}")
    assert not is_json('"a"')


def test_odd_keys_are_spelled_in_brackets() -> None:
    assert spelled(("a", "b.c", "d")) == "#a[b.c].d"
    assert raw_at("a: {b.c: {8080: x}}", ("a", "b.c", "8080")) == "x"
