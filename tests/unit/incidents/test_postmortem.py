"""The post-mortem of an incident: recorded facts, placeholders, and texts that stay uninterpreted."""

import re
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_operator.api.incident import Cause, IncidentSpec, IncidentStatus, PostMortem
from runbook_operator.api.incident_kind import IncidentObject, parse_incident
from runbook_operator.api.parsing import RunbookObject, parse_runbook
from runbook_operator.incidents.markdown import bullets, link, paragraphs, plain, table
from runbook_operator.incidents.postmortem import postmortem
from tests.builders import Body, runbook_body

NOW = datetime(2026, 12, 1, 4, 0, tzinfo=UTC)
SPEC: Body = {"runbook": "shop", "title": "Error rate", "cause": {"source": "Metric", "name": "error-rate"}}
STATUS: Body = {
    "phase": "Resolved",
    "severity": "SEV2",
    "badSince": "2026-12-01T03:00:00.000000Z",
    "openedAt": "2026-12-01T03:01:00.500000Z",
    "deliveredAt": "2026-12-01T03:01:05.000000Z",
    "respondBy": "2026-12-01T03:16:00.500000Z",
    "acknowledgedAt": "2026-12-01T03:08:00.500000Z",
    "acknowledgedBy": "alice",
    "recoveredAt": "2026-12-01T03:20:00.500000Z",
    "resolvedAt": "2026-12-01T03:30:00.500000Z",
}


def incident(spec: Body | None = None, **status: Any) -> IncidentObject:
    meta = {"name": "shop-1a2b3c4d", "namespace": "shop", "uid": "u", "resourceVersion": "1", "generation": 1}
    body = {"apiVersion": "runbooks.dev/v1alpha1", "kind": "Incident", "metadata": meta}
    return parse_incident(body | {"spec": SPEC | (spec or {}), "status": STATUS | status})


def runbook(**spec: Any) -> RunbookObject:
    return parse_runbook(runbook_body(**spec))


def document(spec: Body | None = None, of: RunbookObject | None = None, **status: Any) -> str:
    return postmortem(incident(spec, **status), of, NOW)


def section(text: str, title: str) -> str:
    return text.partition(f"## {title}\n\n")[2].partition("\n\n## ")[0].strip()


def tables(text: str) -> list[list[str]]:
    """The tables of the document, each as its lines."""
    return [list(lines) for is_row, lines in groupby(text.splitlines(), lambda one: one.startswith("|")) if is_row]


def columns(line: str) -> int:
    return len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) - 1


def test_head_has_the_severity_the_status_and_the_impact_window() -> None:
    text = document(of=runbook(severities=[{"level": "SEV2", "definition": "Users see errors"}]))

    assert text.startswith("# Post-mortem: Error rate\n")
    assert "| Incident | shop/shop-1a2b3c4d |" in text
    assert "| Severity | SEV2: Users see errors |" in text
    assert "| Status | Resolved |" in text
    assert "| Opened by | metric error-rate |" in text
    assert "| Impact window | 2026-12-01T03:00:00Z to 2026-12-01T03:20:00Z (20m) |" in text


def test_response_has_the_times_to_detect_deliver_acknowledge_mitigate_and_resolve() -> None:
    found = section(document(resolvedBy="bob"), "Detection and response")

    assert "| Opened (detected) | 2026-12-01T03:01:00Z | 1m after it went bad |" in found
    assert "| First message delivered | 2026-12-01T03:01:05Z | 4s after the opening |" in found
    assert "| Answer due | 2026-12-01T03:16:00Z | 15m after the opening |" in found
    assert "| Acknowledged by alice | 2026-12-01T03:08:00Z | 7m after the opening (time to acknowledge) |" in found
    assert "| Recovered | 2026-12-01T03:20:00Z | 19m after the opening (time to mitigate) |" in found
    assert "| Resolved by bob | 2026-12-01T03:30:00Z | 29m after the opening (time to resolve) |" in found


def test_times_that_never_came_are_not_recorded() -> None:
    found = section(document(acknowledgedAt="", acknowledgedBy="", deliveredAt="soon"), "Detection and response")

    assert "| Acknowledged | not recorded | - |" in found
    assert "| First message delivered | not recorded | - |" in found


def test_window_of_an_open_incident_ends_now() -> None:
    text = document(phase="Open", badSince="", openedAt="2026-12-01T03:01:00Z", recoveredAt="", resolvedAt="")

    assert "| Impact window | 2026-12-01T03:01:00Z to now, still open (59m) |" in text


def test_incident_without_times_has_no_window() -> None:
    assert "| Impact window | - |" in document(badSince="", openedAt="")


@pytest.mark.parametrize(("cycle", "said"), [(1, "Resolved, reopened once"), (2, "Resolved, reopened 2 times")])
def test_status_of_a_reopened_incident_says_how_often(cycle: int, said: str) -> None:
    assert f"| Status | {said} |" in document(cycle=cycle)


def test_responders_are_the_people_of_the_timeline_each_once() -> None:
    entries = [
        {"at": "2026-12-01T03:01:00Z", "kind": "Opened", "text": "opened"},
        {"at": "2026-12-01T03:08:00Z", "kind": "Acknowledged", "by": "carol", "text": "acknowledged"},
        {"at": "2026-12-01T03:09:00Z", "kind": "SwitchEngaged", "by": "metric error-rate", "text": "stop"},
        {"at": "2026-12-01T03:10:00Z", "kind": "Note", "by": "carol", "text": "looking"},
    ]

    text = document({"commander": "dave"}, timeline=entries, resolvedBy="dave")

    assert "| Responders | carol, alice, dave |" in text
    assert "| Commander | dave |" in text


def test_incident_of_a_person_names_the_author() -> None:
    assert "| Opened by | a person |" in document({"cause": {}})


def test_runbook_is_named_by_its_title_or_its_absence() -> None:
    assert "| Runbook | Shop (shop) |" in document(of=runbook(title="Shop"))
    assert "| Runbook | shop (it no longer exists) |" in document()
    assert "| Runbook | shop |" in document(of=runbook(title=""))


@pytest.mark.parametrize(
    "title", ["Summary", "Impact", "Root cause", "Resolution", "What went well", "What did not go well"]
)
def test_part_that_nobody_wrote_is_a_placeholder(title: str) -> None:
    assert re.fullmatch(r"_\[.+\]_", section(document(), title))


def test_part_that_people_wrote_replaces_its_placeholder() -> None:
    written = {
        "impact": "1 in 10 checkouts failed.",
        "rootCause": "A bad index.",
        "wentWell": "The rollback.",
        "wentWrong": "The page came late.",
        "gotLucky": "It was night.",
        "actionItems": ["Add an index", "Test the page"],
    }

    text = document({"summary": "Errors.", "resolution": "Rolled back.", "postMortem": written})

    assert section(text, "Impact") == "1 in 10 checkouts failed."
    assert section(text, "Root cause") == "A bad index."
    assert section(text, "What went well") == "The rollback."
    assert section(text, "What did not go well") == "The page came late."
    assert section(text, "Where we got lucky") == "It was night."
    assert section(text, "Action items") == "- [ ] Add an index\n- [ ] Test the page"
    assert (section(text, "Summary"), section(text, "Resolution")) == ("Errors.", "Rolled back.")
    assert "_[" not in text


def test_likely_cause_stands_beside_the_placeholder_of_the_root_cause() -> None:
    found = section(document(likelyCause="Deployment"), "Root cause")

    assert found.endswith("_\n\nLikely cause, as the Runbook has it: Deployment")


def test_switches_have_their_times_and_how_long_they_held() -> None:
    switches = [
        {"switch": "stop", "engagedAt": "2026-12-01T03:09:00Z", "releasedAt": "2026-12-01T03:19:00Z", "by": "alice"},
        {"switch": "halt", "engagedAt": "2026-12-01T03:30:00Z"},
    ]

    found = section(document(switches=switches), "Switches")

    assert "| stop | 2026-12-01T03:09:00Z | 2026-12-01T03:19:00Z | 10m | alice |" in found
    assert "| halt | 2026-12-01T03:30:00Z | still engaged | 30m | - |" in found


def test_messages_name_the_contact_the_channel_and_the_outcome_but_no_address() -> None:
    sent = {"id": "a", "event": "opened", "contact": "primary", "channel": "chat", "to": "a@example.com"}
    owed = sent | {"id": "b", "event": "escalated", "contact": "second", "channel": "mail"}
    deliveries = [
        sent | {"dueAt": "2026-12-01T03:01:00Z", "at": "2026-12-01T03:01:05Z", "state": "Sent", "tries": 1},
        owed | {"dueAt": "2026-12-01T03:16:00Z", "state": "GivenUp", "tries": 9, "why": "no answer"},
    ]

    found = section(document(deliveries=deliveries), "Messages")

    assert "| 2026-12-01T03:01:05Z | opened | primary | chat | Sent | 1 |" in found
    assert "| 2026-12-01T03:16:00Z | escalated | second | mail | GivenUp: no answer | 9 |" in found
    assert "example.com" not in found


def test_signals_changes_and_timeline_are_tables_with_the_number_of_what_is_gone() -> None:
    since = "2026-12-01T03:20:00Z"
    signal = {"source": "Metric", "name": "error-rate", "level": "Ok", "since": since, "threshold": "> 10%"}
    entry = {"at": since, "kind": "Note", "by": "alice", "text": "looking"}

    text = document(
        signals=[signal],
        signalsDropped=2,
        changes=[{"at": since, "text": "web from 1 to 2"}],
        timeline=[entry],
        timelineDropped=7,
    )

    assert f"| metric error-rate | Ok | {since} | - | > 10% | - |" in section(text, "Signals")
    assert "no room for 2 further signals" in section(text, "Signals")
    assert f"| {since} | web from 1 to 2 |" in section(text, "Changes before the incident")
    assert f"| {since} | Note | alice | looking |" in section(text, "Timeline (UTC)")
    assert "no room for 7 further entries in the middle" in section(text, "Timeline (UTC)")


def test_checklist_has_the_steps_that_are_done_and_those_that_are_not() -> None:
    text = document({"checklist": {"assess": True, "mitigate": False}}, checklist=["assess", "mitigate"])

    assert section(text, "Response checklist") == "- [x] assess\n- [ ] mitigate"
    assert section(document(), "Response checklist") == "None."


def test_links_are_those_of_the_incident_or_else_of_the_runbook() -> None:
    declared = runbook(links=[{"name": "logs", "url": "https://logs.example.com/"}])

    kept = document(of=declared, links=[{"title": "Dashboard", "url": "https://g.example.com/?a=1&b=(2)"}])

    assert section(kept, "Links") == "- [Dashboard](https://g.example.com/?a=1&amp;b=%282%29)"
    assert section(document(of=declared), "Links") == "- [logs](https://logs.example.com/)"
    assert section(document(), "Links") == "None."


def test_time_beyond_the_calendar_is_not_recorded() -> None:
    assert "| Went bad | not recorded | - |" in document(badSince="0001-01-01T00:00:00+09:00")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a | b", r"a \| b"),
        ("a\n| b", r"a \| b"),
        ("<script>", "&lt;script>"),
        ("&lt;", "&amp;lt;"),
        ("`code` *bold* _it_ [x](y) ~~z~~ $1", r"\`code\` \*bold\* \_it\_ \[x\](y) \~\~z\~\~ \$1"),
        ("back\\slash", r"back\\slash"),
        ("bell\a\u202e", "bell"),
    ],
)
def test_text_shows_as_it_is(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("- a\n+ b", "\\- a\n\n\\+ b"),
        ("1. a", r"1\. a"),
        ("12) a", r"12\) a"),
        ("> a", r"\> a"),
        ("===", r"\==="),
        ("# a", r"\# a"),
        ("\n\n", ""),
        ("    code", "code"),
        ("1 a", "1 a"),
    ],
)
def test_line_of_a_text_begins_no_block(text: str, shown: str) -> None:
    assert paragraphs(text) == shown


def test_items_and_cells_without_a_text_keep_their_place() -> None:
    assert bullets(["- a", "b"]) == "- \\- a\n- b"
    assert table(("A", "B"), [("", "x")]) == "| A | B |\n| --- | --- |\n| - | x |"


def test_address_that_is_not_of_http_is_no_link() -> None:
    assert link("run", "javascript:alert(1)") == "run: javascript:alert(1)"


SECTIONS = 16
TABLES = ("signals", "changes", "switches", "deliveries", "timeline")
HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["a|b", "|", "\\", "\\|", "<b>", "\n| x |\n", "```", "](x)", "&#124;", "<!--", "\r\n# x", "\u2028|"]
    ),
)
TIMES = st.one_of(
    st.sampled_from(["", "2026-12-01T03:00:00Z", "2026-12-01T03:00:00.5Z", "9999-12-31T23:59:59-12:00"]), HOSTILE
)


def lists(**fields: Any) -> st.SearchStrategy[list[Body]]:
    return st.lists(
        st.fixed_dictionaries(
            {name: value if isinstance(value, st.SearchStrategy) else st.just(value) for name, value in fields.items()}
        ),
        max_size=3,
    )


SPECS = st.fixed_dictionaries(
    {
        "runbook": st.just("shop"),
        "title": HOSTILE,
        "summary": HOSTILE,
        "commander": HOSTILE,
        "resolution": HOSTILE,
        "cause": st.fixed_dictionaries({"source": st.sampled_from(["Metric", "Person", "Alert"]), "name": HOSTILE}),
        "checklist": st.dictionaries(HOSTILE, st.booleans(), max_size=3),
        "post_mortem": st.fixed_dictionaries(
            {"impact": HOSTILE, "root_cause": HOSTILE, "action_items": st.lists(HOSTILE, max_size=3)}
        ),
    }
)
STATUSES = st.fixed_dictionaries(
    {
        **dict.fromkeys(("bad_since", "opened_at", "delivered_at", "acknowledged_at", "recovered_at"), TIMES),
        **dict.fromkeys(("resolved_at", "respond_by"), TIMES),
        **dict.fromkeys(("acknowledged_by", "resolved_by", "likely_cause", "previous"), HOSTILE),
        "checklist": st.lists(HOSTILE, max_size=3),
        "signals": lists(source="Alert", name=HOSTILE, level=HOSTILE, since=TIMES, value=HOSTILE, message=HOSTILE),
        "changes": lists(at=TIMES, text=HOSTILE),
        "switches": lists(switch=HOSTILE, engaged_at=TIMES, released_at=TIMES, by=HOSTILE),
        "deliveries": lists(id=HOSTILE, event="opened", contact=HOSTILE, channel=HOSTILE, due_at=TIMES, why=HOSTILE),
        "timeline": lists(at=TIMES, kind="Note", by=HOSTILE, text=HOSTILE),
        "links": lists(title=HOSTILE, url=st.one_of(HOSTILE, HOSTILE.map(lambda one: f"https://{one}"))),
    }
)


@settings(deadline=None)
@given(SPECS, STATUSES)
def test_any_incident_gives_tables_of_constant_width_without_html(spec: Body, status: Body) -> None:
    built = IncidentObject(
        incident().meta,
        IncidentSpec.model_construct(
            **spec | {"cause": Cause(**spec["cause"]), "post_mortem": PostMortem(**spec["post_mortem"])}
        ),
        IncidentStatus.model_validate(status),
    )

    text = postmortem(built, None, NOW)

    assert "<" not in text
    assert text.count("\n# ") == 0
    assert len(re.findall(r"^## ", text, re.MULTILINE)) == SECTIONS
    for lines in tables(text):
        assert {columns(line) for line in lines} == {columns(lines[0])}
        assert re.fullmatch(r"\|( --- \|)+", lines[1])
    assert len(tables(text)) == 2 + sum(bool(status[name]) for name in TABLES)
