"""Messages for tests of channels, and a strategy for any message that a Runbook can lead to."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from runbook_operator.notifiers.message import FirstAction, Link, Message, Problem

NOW = datetime(2026, 11, 30, 3, 12, 5, tzinfo=UTC)
ACKNOWLEDGE = (
    """kubectl patch incidents.runbooks.dev assistant-5f2c -n ai --type merge -p '{"spec":{"acknowledged":true}}'"""
)
THROW = """kubectl patch sw assistant-rollback -n ai --type merge -p '{"spec":{"engaged":true}}'"""


def message(**fields: Any) -> Message:
    """A message about an incident that has just been opened."""
    usual: dict[str, Any] = {
        "id": "0b5c3a52.1.0.opened.assistant-primary",
        "dedup_key": "0b5c3a52.1",
        "kind": "opened",
        "at": NOW,
        "severity": "SEV2",
        "namespace": "ai",
        "runbook": "assistant",
        "incident": "assistant-5f2c",
        "title": "Assistant API: error-rate is Critical",
        "problem": Problem(name="error-rate", value="12 %", threshold="> 10%", since=NOW),
        "likely_cause": "Deployment, provider issue",
        "first_action": FirstAction(text="Engage rollback", command=THROW),
        "links": (Link(text="Dashboard", url="https://grafana.example.com/d/a?var-ns=ai&from=now-1h"),),
        "acknowledge": ACKNOWLEDGE,
        "next_contact": "Secondary On-Call at 03:27 UTC",
        "diagnosis": ("2 of 6 pods are not ready",),
        "changes": ("Deployment/assistant-api revision 8 at 03:09 UTC",),
    }
    return Message(**usual | fields)


NASTY = st.one_of(
    st.text(max_size=320),
    st.sampled_from(
        [
            "<!channel> <@U123> <#C1> <javascript:alert(1)|click> &lt;!here&gt;",
            "@everyone @here @channel @all <@&1> <@!2> [x](javascript:alert(1)) ![i](http://x)",
            "``` `a` **b** __c__ ~~d~~ ||e|| > f # g - h 1. i <at>Bob</at> <script>x</script>",
            "a\r\nBcc: x@example.com\r\n\r\nbody \u202e\u2066 \u2028 \x00 \x1b[31m",
            "https://evil.example.com/a?b=c&d=<e> mailto:x@y steam://run data:text/html,x",
            "&" * 600,
            "\U0001f525" * 400,
            "_" * 350,
        ]
    ),
)
COMMANDS = st.one_of(st.just(ACKNOWLEDGE), st.just(THROW), st.just(""), NASTY, st.just("`" + "&" * 99 + "`"))
LINKS = st.builds(
    lambda text, url: Link(text=text, url=url),
    NASTY,
    st.one_of(
        NASTY,
        st.sampled_from(
            ["javascript:alert(1)", "data:text/html,x", "ftp://a.example.com/", "https://a@b.example.com/"]
        ),
        st.builds(lambda rest: f"https://x.example.com/{rest}", NASTY),
        st.builds(lambda count: f"https://x.example.com/?{'&' * count}", st.integers(0, 500)),
        st.builds(lambda count: f"https://x.example.com/{'()*_' * count}", st.integers(0, 120)),
    ),
)
LISTS = st.one_of(st.lists(NASTY, max_size=4), st.lists(st.just("\U0001f525&<_" * 80), min_size=8, max_size=14))


def messages() -> st.SearchStrategy[Message]:
    """Any message."""
    return st.builds(
        message,
        kind=st.sampled_from(["opened", "escalated", "acknowledged", "resolved", "test", "notice"]),
        severity=st.sampled_from(["SEV1", "SEV2", "SEV3", "SEV4"]),
        title=NASTY,
        incident=st.sampled_from(["", "assistant-5f2c", "i" * 253]),
        runbook=st.sampled_from(["assistant", "r" * 253]),
        problem=st.one_of(
            st.none(),
            st.builds(Problem, name=NASTY, value=NASTY, threshold=NASTY, since=st.one_of(st.none(), st.just(NOW))),
        ),
        likely_cause=NASTY,
        first_action=st.one_of(st.none(), st.builds(FirstAction, text=NASTY, command=COMMANDS)),
        links=st.lists(LINKS, max_size=8),
        acknowledge=COMMANDS,
        next_contact=NASTY,
        diagnosis=LISTS,
        changes=LISTS,
    )
