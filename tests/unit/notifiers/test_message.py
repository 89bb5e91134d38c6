from datetime import timedelta

import pytest

from runbook_operator.notifiers.message import FirstAction, Link, Problem, address, cut, one_line
from runbook_operator.notifiers.message_sections import Section, fit, sections, shortened
from runbook_operator.notifiers.text_markup import PLAIN
from tests.messages import NOW, message


def test_problem_names_value_threshold_and_time() -> None:
    assert message().problem.sentence() == "error-rate is 12 % (threshold > 10%) since 2026-11-30 03:12:05 UTC"  # type: ignore[union-attr] # it is there


def test_problem_without_numbers_is_its_name() -> None:
    assert Problem(name="model-api is down").sentence() == "model-api is down"


@pytest.mark.parametrize(
    ("kind", "headline"),
    [
        ("opened", "SEV2: Down"),
        ("notice", "SEV2: Down"),
        ("resolved", "SEV2 resolved: Down"),
        ("test", "SEV2 test: Down"),
    ],
)
def test_headline_has_severity_and_state(kind: str, headline: str) -> None:
    assert message(kind=kind, title="Down").headline == headline


def test_summary_without_a_problem_is_the_headline() -> None:
    assert message(problem=None, title="Down").summary == "SEV2: Down"


def test_sections_are_in_the_order_of_their_use() -> None:
    labels = [one.label for one in sections(message())]

    assert labels == [
        *("", "Likely cause", "First action", "Links", "Acknowledge", "Next contact", "Diagnosis", "Changes"),
        "Runbook",
    ]


def test_sections_without_content_are_left_out() -> None:
    bare = message(
        problem=None, likely_cause="", first_action=None, links=(), acknowledge="", next_contact="", diagnosis=(),
        changes=(), incident="",
    )  # fmt: skip

    assert sections(bare) == (Section("Runbook", ("ai/assistant",)),)


def test_first_action_without_a_text_keeps_its_command() -> None:
    action = FirstAction(text="", command="kubectl get sw")

    assert sections(message(first_action=action))[2] == Section("First action", (), "kubectl get sw", kept=True)


@pytest.mark.parametrize(
    ("text", "line"),
    [("a\r\nb", "a  b"), ("a\x00\x1b[1mb", "a[1mb"), ("\u202eabc", "abc"), (" a ", "a"), ("👩\u200d🚒", "👩\u200d🚒")],
)
def test_line_has_no_line_break_and_no_control_character(text: str, line: str) -> None:
    assert one_line(text) == line


def test_text_of_the_limit_is_not_cut() -> None:
    assert (cut("abcd", 4), cut("abcde", 4)) == ("abcd", "abc…")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://Grafana.example.com/d/a?x=1&y=2", "https://grafana.example.com/d/a?x=1&y=2"),
        ("https://a.example.com/docs#the first step", "https://a.example.com/docs#the%20first%20step"),
        ("https://a.example.com/(x)?q={y}", "https://a.example.com/%28x%29?q=%7By%7D"),
        ("https://a.example.com/\ud800", ""),
        ("https://a.example.com/#\ud800", ""),
        ("javascript:alert(1)", ""),
        ("https://user:secret@a.example.com/", ""),
        (f"https://a.example.com/{'x' * 400}", ""),
        (f"https://a.example.com/?{'&' * 80}", ""),
    ],
)
def test_link_is_http_without_user_and_within_the_limit(text: str, url: str) -> None:
    assert address(text) == url


def test_links_that_cannot_be_used_are_left_out() -> None:
    links = (Link(text="a", url="mailto:a@b"), {"text": "", "url": "https://b.example.com/"})

    assert message(links=links).links == (Link(text="https://b.example.com/", url="https://b.example.com/"),)


@pytest.mark.parametrize("command", ["a" * 501, "&" * 101, "a\nb", "a\x1bb", " a"])
def test_command_that_is_too_long_or_not_printable_is_left_out(command: str) -> None:
    assert message(acknowledge=command).acknowledge == ""


def test_list_counts_the_lines_that_it_leaves_out() -> None:
    found = message(diagnosis=[f"line {one}" for one in range(12)] + [""]).diagnosis

    assert (len(found), found[-1]) == (10, "3 more")


@pytest.mark.parametrize("field", ["title", "likely_cause", "acknowledge"])
def test_field_that_is_no_text_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="string"):
        message(**{field: 5})


def test_id_that_a_header_could_not_carry_is_refused() -> None:
    with pytest.raises(ValueError, match="pattern"):
        message(id="a b")


def test_section_loses_lines_before_it_is_cut() -> None:
    section = Section("Changes", ("x" * 40, "y" * 40, "z" * 40))

    def cost(one: Section) -> int:
        return sum(map(len, one.lines))

    assert shortened(section, cost, 120) == section
    assert shortened(section, cost, 90) == Section("Changes", ("x" * 40, "y" * 40, "1 more"))
    assert shortened(section, cost, 30) == Section("Changes", (f"{'x' * 29}…",))
    assert shortened(section, cost, 10) is None


def test_sections_that_are_kept_take_their_room_first() -> None:
    kept = Section("Acknowledge", command="c" * 50, kept=True)
    other = Section("Diagnosis", ("d" * 50,))

    assert fit((other, kept), lambda one: len(one.command) + sum(map(len, one.lines)), 80) == (
        Section("Diagnosis", (f"{'d' * 29}…",)),
        kept,
    )


def test_plain_text_has_a_bullet_for_each_of_several_lines() -> None:
    assert PLAIN.render(Section("Changes", ("a", "b"))) == "Changes:\n• a\n• b"
    assert PLAIN.render(Section("Acknowledge", command="kubectl x")) == "Acknowledge:\n  kubectl x"


def test_times_are_shown_in_utc() -> None:
    assert "since 2026-11-30 03:12:05 UTC" in Problem(name="x", since=NOW + timedelta()).sentence()


def test_section_without_room_is_left_out() -> None:
    kept, other = Section("Do this", command="kubectl get pods", kept=True), Section("Why", ("a long diagnosis",))

    assert fit((kept, other), lambda one: len(one.command) + sum(map(len, one.lines)), 16) == (kept,)
