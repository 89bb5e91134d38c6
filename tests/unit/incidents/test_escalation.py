"""The escalation chain: contacts, times and repetitions."""

import pytest

from runbook_operator.api.conditions import moment
from runbook_operator.api.contacts import Contact
from runbook_operator.api.incident import Escalation
from runbook_operator.api.response_spec import IncidentLimits
from runbook_operator.incidents import escalation
from tests.incidents import ALICE, BOB, CAROL, OPENED, contact, minutes

LIMITS = IncidentLimits(repeat=2)


def times(chain: Escalation) -> dict[str, float]:
    return {one.contact: (moment(one.due_at) - OPENED).total_seconds() / 60 for one in chain.chain}


def test_times_count_from_the_opening() -> None:
    assert times(escalation.pinned([ALICE, BOB, CAROL], "SEV2", OPENED, LIMITS)) == {"alice": 0, "bob": 15, "carol": 30}


def test_contact_without_a_time_is_due_with_the_one_before() -> None:
    chain = escalation.pinned([ALICE, BOB, contact("dora")], "SEV2", OPENED, LIMITS)

    assert times(chain)["dora"] == 15


def test_first_contact_for_the_severity_is_due_at_once() -> None:
    chain = escalation.pinned([contact("ceo", severities=["SEV1"]), BOB], "SEV2", OPENED, LIMITS)

    assert times(chain) == {"bob": 0}


def test_contact_without_a_channel_is_not_in_the_chain() -> None:
    assert times(escalation.pinned([contact("shown", notify=""), BOB], "SEV2", OPENED, LIMITS)) == {"bob": 0}


@pytest.mark.parametrize(
    ("contacts", "interval"),
    [([], "5m"), ([ALICE], "5m"), ([ALICE, contact("bob", "1m")], "5m"), ([ALICE, BOB, CAROL], "45m")],
)
def test_interval_ends_one_step_after_the_last_contact_but_is_five_minutes_at_least(
    contacts: list[Contact], interval: str
) -> None:
    assert escalation.pinned(contacts, "SEV2", OPENED, LIMITS).interval == interval


def test_raised_severity_adds_contacts_that_are_due_now_and_removes_none() -> None:
    chief = contact("chief", severities=["SEV1"])
    chain = escalation.pinned([ALICE, BOB, chief], "SEV2", OPENED, LIMITS)

    assert times(escalation.widened(chain, [BOB, chief], "SEV1", minutes(3))) == {"alice": 0, "bob": 15, "chief": 3}


def test_raised_severity_that_no_further_contact_takes_changes_nothing() -> None:
    chain = escalation.pinned([ALICE], "SEV2", OPENED, LIMITS)

    assert escalation.widened(chain, [ALICE], "SEV1", minutes(3)) is chain


def test_raised_severity_begins_a_chain_that_was_empty() -> None:
    widened = escalation.widened(Escalation(), [ALICE], "SEV1", minutes(3))

    assert (widened.interval, times(widened)) == ("5m", {"alice": 3})


def test_restarted_chain_keeps_the_distances_of_its_contacts() -> None:
    chain = escalation.pinned([ALICE, BOB], "SEV2", OPENED, LIMITS)
    later = chain.replace(chain=[escalation.begun(one, chain, minutes(70)) for one in chain.chain])

    assert [one.round for one in later.chain] == [2, 1]
    assert times(escalation.restarted(later, minutes(100))) == {"alice": 100, "bob": 115}
