"""One value inside a text, and not a byte beside it."""

import json

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from runbook_operator.core import yaml_positions, yaml_values
from runbook_operator.core.yaml_positions import Keys, is_json
from runbook_operator.core.yaml_values import (
    AbsentError,
    FieldError,
    NeedsParse,
    TooLargeError,
    find,
    flag_of,
    others,
    path_of,
    replaced,
    scalar,
    spelled,
)

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
def test_yaml_value_is_found_as_written(raw: str, end: str) -> None:
    assert raw_at(file(raw, end=end), KEY) == raw.replace("\n", end)


@given(st.sampled_from(RAW), st.sampled_from(RAW), st.sampled_from(["\n", "\r\n"]))
def test_only_the_value_is_replaced_and_restored(old: str, new: str, end: str) -> None:
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
def test_any_text_is_written_in_the_style_of_any_other(value: str, like: str) -> None:
    raw = scalar(value, like)

    for text in (file("x"), "{flags: {ai: x, b: c}}"):
        assert yaml.load(raw, Loader=yaml.BaseLoader) == value  # noqa: S506 - BaseLoader makes only strings
        assert raw_at(replaced(text, KEY, raw), KEY) == raw


@given(TEXTS, st.sampled_from(["true", '"x"', "12", "null"]))
def test_json_document_stays_json(value: str, like: str) -> None:
    text = f'{{\n\t"é": "\\/",\r\n\t"flags":\t{{"ai": {like}, "b": [1,\t2]}}}}'

    after = replaced(text, KEY, scalar(value, like, in_json=True))

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
def test_value_is_written_in_the_style_of_the_old_value(value: str, like: str, raw: str) -> None:
    assert scalar(value, like) == raw


@pytest.mark.parametrize(
    ("value", "raw"), [("false", "false"), ("-1.5e3", "-1.5e3"), ("null", "null"), ("off", '"off"'), ("01", '"01"')]
)
def test_only_json_literals_are_unquoted_in_json(value: str, raw: str) -> None:
    assert scalar(value, "true", in_json=True) == raw
    assert scalar(value, '"x"', in_json=True) == json.dumps(value)


@pytest.mark.parametrize(
    ("text", "part"),
    [("", "#flags"), ("flags: {}", "#flags.ai"), ("flags:", "#flags.ai"), ("# nothing", "#flags"), ("~", "#flags")],
)
def test_missing_path_is_absent(text: str, part: str) -> None:
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
        ("app.flags.ai=true\n", "the text is a single value or a list"),
        ("- a", "not a YAML or JSON map"),
        ("[1]", "not a YAML or JSON map"),
        ("flags: {ai: 1}\nb: *x", "undefined alias in line 2"),
        ("flags: {ai: 1, ai: 2}", "#flags.ai more than once"),
        ("flags:\n\tai: 1", "not a YAML or JSON document: .* in line 2"),
        ("flags: {ai: 1", "not a YAML or JSON document: .* in line"),
        ("flags: \x00", "not a YAML or JSON document: ReaderError"),
        ('flags: "\\UFFFFFFFF"', "not a YAML or JSON document: found invalid Unicode character"),
        ("[" * 900, "not a YAML or JSON document: .* in line"),
    ],
)
def test_map_list_or_alias_value_is_refused(text: str, problem: str) -> None:
    with pytest.raises(FieldError, match=f"^#flags.ai: .*{problem}"):
        replaced(text, KEY, "2")


@pytest.mark.parametrize("text", ["flags: {ai: 1}", "flags:\n  ai: 1\n"])
@pytest.mark.parametrize(
    "raw", ["a: b", "x # y", " x", "x\n", '"open', "[1]", "1\nflags: 2", "&a x", "*a", "- x", "!x y"]
)
def test_replacement_that_is_more_than_one_value_is_refused(text: str, raw: str) -> None:
    with pytest.raises(FieldError, match="would not be one value"):
        replaced(text, KEY, raw)


@pytest.mark.parametrize("raw", ["x, y", "x}", "[x"])
def test_replacement_that_breaks_a_flow_map_is_refused(raw: str) -> None:
    with pytest.raises(FieldError, match="would not be one value"):
        replaced("flags: {ai: 1}", KEY, raw)


@pytest.mark.parametrize("raw", ["off", '"off', '"a" "b"', '"off" ', "NaN", "{}", "[1]", " 1", '"\\x"'])
def test_yaml_value_in_json_is_refused(raw: str) -> None:
    with pytest.raises(FieldError, match="would not be one value"):
        replaced('{"flags": {"ai": true}}', KEY, raw)


def test_empty_value_is_neither_filled_nor_created() -> None:
    assert replaced("flags:\n  ai:\n", KEY, "") == "flags:\n  ai:\n"
    with pytest.raises(FieldError, match="that is empty"):
        replaced("flags:\n  ai:\n", KEY, "1")
    with pytest.raises(FieldError, match="that is empty"):
        replaced("flags:\n  ai: 1\n", KEY, "")


@given(st.text("ab:-{}[]'\"#&*!|>%@\\ \t\r\n,?0x\x85é", max_size=30), TEXTS)
def test_any_text_is_refused_or_only_its_value_changes(text: str, raw: str) -> None:
    try:
        after = replaced(text, ("a",), raw)
    except FieldError:
        return

    start, end = find(text, ("a",))
    assert after == text[:start] + raw + text[end:]


@pytest.mark.parametrize(
    "text", ["\ufeffflags: {ai: x}  # é", "\ufeff# 😀\nflags:\n  ai: x\n", '\ufeff{"flags": {"ai": x}}']
)
def test_byte_order_mark_moves_no_position(text: str) -> None:
    assert raw_at(text, KEY) == "x"


def test_flow_map_is_json_only_if_it_parses_as_json() -> None:
    assert is_json('\n{"a": 1}')
    assert not is_json("{a: 1}")
    assert not is_json('"a"')


DOTTED = "spring.application.name: shop\nflags.ai: true\nflags.b:\n  c: 'on'\nflags: {x.y: 1, d: 2}\n"


@pytest.mark.parametrize(
    ("flag", "keys", "raw"),
    [
        (r"flags\.ai", ("flags.ai",), "true"),
        (r"flags\.b.c", ("flags.b", "c"), "'on'"),
        (r"flags.x\.y", ("flags", "x.y"), "1"),
        ("flags.d", ("flags", "d"), "2"),
        (r"spring\.application\.name", ("spring.application.name",), "shop"),
    ],
)
@pytest.mark.parametrize("text", [DOTTED, json.dumps(yaml.safe_load(DOTTED))])
def test_escaped_dot_belongs_to_the_key(text: str, flag: str, keys: Keys, raw: str) -> None:
    assert path_of(flag) == keys
    assert flag_of(keys) == flag
    assert raw_at(text, keys).strip("'\"") == raw.strip("'")


def test_every_spelling_of_a_dotted_path_is_found() -> None:
    text = "a: {b.c: 1, b: {c: 2, d: 1}}\na.b: {c: 3}\na.b.c: 4\na.bc: 5\n"

    assert sorted(others(text, ("a", "b", "c"))) == [("a", "b.c"), ("a.b", "c"), ("a.b.c",)]
    assert others(text, ("a", "b", "d")) == ()
    assert others(text, ("a", "bc")) == (("a.bc",),)


def flags_of(count: int) -> dict[str, object]:
    """A document like flagd's."""
    variants = {"on": True, "off": False}
    return {"flags": {f"flag{n}": {"state": "ENABLED", "default": "off", "variants": variants} for n in range(count)}}


def test_json_of_a_megabyte_is_read() -> None:
    text = json.dumps(flags_of(9000), indent=1)
    assert len(text) > 1_000_000

    after = replaced(text, ("flags", "flag8999", "default"), '"on"')

    assert json.loads(after)["flags"]["flag8999"]["default"] == "on"
    assert len(after) == len(text) - 1


def test_large_yaml_is_refused_with_its_size() -> None:
    text = yaml.dump(flags_of(1000), Dumper=yaml.CSafeDumper)

    with pytest.raises(TooLargeError, match="the document has 68 KB; YAML of more than 64 KB is not parsed"):
        find(text, ("flags", "flag1", "default"))


def test_text_is_parsed_once_for_each_path(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    read = yaml_positions.read

    def counted(text: str, path: str) -> yaml_positions.Outline:
        reads.append(path)
        return read(text, path)

    monkeypatch.setattr(yaml_positions, "read", counted)
    text = "flags: {once: true, twice: no}"

    for _ in range(3):
        assert raw_at(text[:5] + text[5:], ("flags", "once")) == "true"
        with pytest.raises(FieldError):
            find("flags: [" + text, ("flags", "once"))

    assert reads == ["flags.once", "flags.once"]


def test_number_of_remembered_texts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_values, "REMEMBERED", 3)
    monkeypatch.setattr(yaml_values, "_known", {})

    for number in range(9):
        assert raw_at(f"a: {number}", ("a",)) == str(number)

    assert len(yaml_values._known) == 3


def test_unusual_keys_are_written_in_brackets() -> None:
    assert spelled(("a", "b.c", "d")) == "#a[b.c].d"
    assert raw_at("a: {b.c: {8080: x}}", ("a", "b.c", "8080")) == "x"


@pytest.fixture
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_values, "_known", {})
    monkeypatch.setattr(yaml_values, "_origins", {})


@pytest.mark.usefixtures("_nothing_known")
def test_document_over_the_decision_budget_is_not_parsed() -> None:
    text = yaml.dump(flags_of(100))
    keys = ("flags", "flag7", "default")
    with yaml_values.limited(2 * len(text)):
        find(text, ("flags", "flag5", "default"))
        find(text, ("flags", "flag6", "default"))
        with pytest.raises(NeedsParse) as left:
            find(text, keys)

    assert (left.value.text, left.value.path) == (text, "flags.flag7.default")
    yaml_values.remember(text, left.value.path, yaml_values.parse(text, left.value.path))
    with yaml_values.limited(0):
        raw = raw_at(text, keys)
        with pytest.raises(NeedsParse):
            replaced(text, keys, '"on"')

    assert raw == "'off'"


@pytest.mark.usefixtures("_nothing_known")
def test_each_decision_has_its_own_parse_budget() -> None:
    text = "a: 1\nb: 2\nc: 3\n"

    for key in "ab":
        with yaml_values.limited(len(text)):
            find(text, (key,))

    assert raw_at(text, ("c",)) == "3"


@pytest.mark.usefixtures("_nothing_known")
def test_json_changed_by_the_operator_is_not_parsed_again() -> None:
    text = json.dumps({"flags": {"a": False, "b": "x", "c": 1}, "d": [1]}, indent=1)
    paths = [("flags", "a"), ("flags", "b"), ("flags", "c")]
    for keys in paths:
        find(text, keys)

    for keys, raw in [(paths[1], '"longer"'), (paths[0], "true"), (paths[2], "12345"), (paths[1], '""')]:
        with yaml_values.limited(0):
            text = replaced(text, keys, raw)
            found = [find(text, one) for one in paths]
        assert found == [yaml_positions.read(text, ".".join(one)).spans[one] for one in paths]
        assert raw_at(text, keys) == raw


@pytest.mark.usefixtures("_nothing_known")
@pytest.mark.parametrize(("old", "new"), [("off", "on"), ('"off"', '"on, [x"'), ("'off'", "'# no: \"x\"'")])
def test_yaml_with_a_replaced_scalar_is_not_parsed_again(old: str, new: str) -> None:
    text = f"a: {old}  # why\nb: {{c: {old}, d: x}}\n"
    paths = [("a",), ("b", "c"), ("b", "d")]
    for keys in paths:
        find(text, keys)

    for keys in paths[:2]:
        with yaml_values.limited(0):
            text = replaced(text, keys, new)
            found = [find(text, one) for one in paths]
        assert found == [yaml_positions.read(text, ".".join(one)).spans[one] for one in paths]
        assert raw_at(text, keys) == new


@pytest.mark.usefixtures("_nothing_known")
def test_origin_of_a_text_is_followed_for_at_most_eight_changes() -> None:
    first, other = '{"a": 1, "b": 1}', '{"a": 2, "b": 1}'
    for text, raw in [(first, "2"), (other, "1")]:
        replaced(text, ("a",), raw)

    with yaml_values.limited(0), pytest.raises(NeedsParse):
        find(first, ("b",))
    assert raw_at(first, ("b",)) == "1"


def test_number_of_remembered_origins_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_values, "REMEMBERED", 3)
    monkeypatch.setattr(yaml_values, "_known", {})
    monkeypatch.setattr(yaml_values, "_origins", {})

    for number in range(9):
        replaced(f'{{"a": {number}}}', ("a",), str(number + 1))

    assert len(yaml_values._origins) == 3


def test_json_with_too_many_values_is_refused_with_their_number() -> None:
    text = '{"a": 1, "b": [' + ",".join(["[]"] * 40_000) + "]}"

    with pytest.raises(
        TooLargeError, match=r"the document has 80,002 commas and brackets; .* more than 65,536 is not parsed"
    ):
        find(text, ("a",))
