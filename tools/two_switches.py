"""Writes docs/reference/two-switches.md from the table of pairs in tests/pairs.py; a test holds the page to it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.pairs import INDEPENDENT, KINDS, OUTCOMES, Live, Outcome
from tools.wrapping import wrapped

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "two-switches.md"
HEAD = """# Two switches on one target

What happens when two of the operator's own acts meet on one field, in one Runbook or in two of the namespace: both
give the same. `make docs` makes this page from the table in `tests/pairs.py`, and each row of it is a test in both
orders of release.

- Of two that hold one field the later has it. Whichever is released first, the original is restored in the end.
- A momentary switch, such as a scaling command, holds nothing: where another switch holds the field it does nothing,
  names that switch, and springs back (`Acted=False`, reason `HeldByAnother`). Release the other switch first, then
  throw it again.
- A rollback keeps what other switches hold inside of the pod template, in the same write. It does not keep an enforced
  probe: that waits until the rollback is released, and is set again then.
- `rollback` and `restart` are not undone by a release. A rollback by the deployment guard is one like any other. The
  guard does nothing while another switch explains what is Critical: one that holds the target at 0, or that was thrown
  in the revision's window and holds a flag of the target. Throw the rollback yourself if you want it then.
- `runJob` and `notify` make an object of their own for each throw: they meet no other switch. A release leaves a Job
  that has made a pod, and the notice.

The example: Deployment `web` has 3 replicas, version two is live as revision 2, version one is known good as revision
1; CronJob `backup` is not suspended. Where the guard acts, version two was deployed just now, the guard watches it, and
metric `error-rate` becomes Critical; it is Ok again where the table says "released". `shop-first` is thrown first, with
the reason INC-42. "as before" is what was there before both.

## On one field

| first | second | with both | the second reports | first released | second released | both released |
| --- | --- | --- | --- | --- | --- | --- |
"""
WORDS: Mapping[str, str] = {
    "replicas": "{} replicas",
    "version": "version {}",
    "flag": "flag {}",
    "restarted": "restarted",
    "probe": "probe {}",
    "suspended": "suspended",
    "jobs": "Jobs: {}",
    "notices": "notices: {}",
}


def page() -> str:
    """The whole page."""
    rows = "".join(_row(pair, outcome) for pair, outcome in OUTCOMES.items())
    return wrapped(f"{HEAD}{rows}\n{''.join(_independent())}")


def _row(pair: tuple[str, str], outcome: Outcome) -> str:
    first, second = (KINDS[one].title for one in pair)
    lives = (outcome.both, outcome.without_first, outcome.without_second, outcome.neither)
    both, *rest = map(_shown, lives)
    reports = f"`{outcome.reports}`" if outcome.reports else ""
    return f"| {' | '.join((first, second, both, reports, *rest))} |\n"


def _shown(live: Live) -> str:
    return ", ".join(WORDS[key].format(value) for key, value in live.items()) or "as before"


def _independent() -> Iterator[str]:
    """The pairs that do not meet, by the first of each."""
    yield "## On different fields\n\nEach does, and restores, what it does alone:\n\n"
    for first in dict.fromkeys(one for one, _ in INDEPENDENT):
        others = ", ".join(KINDS[second].title for one, second in INDEPENDENT if one == first)
        yield f"- {KINDS[first].title}, with: {others}\n"


if __name__ == "__main__":
    PAGE.write_text(page())
