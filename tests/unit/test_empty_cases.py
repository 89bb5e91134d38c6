"""Each quantifier and each division in what senses and decides by itself, with its empty case: nothing is good news.

"All of none" is true, and the least of none is nothing. A new `all`, `any`, `min`, `max`, median or division in these
modules fails the test until its empty case has a row, and a row that no code has any more fails it too.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "operator" / "runbook_operator"
DECISIONS = "attribution blame efficacy gates guard health hearing judges known readings sensed versions watches window"
SENSING = "asking baselines measuring numbers owned"
MODEL = "figures lookback promql quantities rollouts samples signals statuses thresholds verdicts watches"
MODULES = {"decide": DECISIONS, "observe": SENSING, "model": MODEL}
QUANTIFIERS = ("all", "any", "min", "max", "median")

EMPTY = """
decide/attribution.excuse any: no reason is about 0 replicas; a workload at 0 then is one
decide/attribution.excuse min: nobody holds the target down; what is seen of it counts
decide/attribution.holding any: the step has written nothing; it holds nothing down
decide/blame._back any: no revision is known good; the one before it is named
decide/efficacy._is_in_place all: an engagement that wrote nothing is never in place, see the test below
decide/efficacy._in_place_since max: nothing was applied; the time of the engagement
decide/gates.Case.by_metrics all: without a hold it is by nothing, and not by metrics
decide/gates._deploying any: no action rolls back; the rollout holds it up
decide/gates._deploying any: no hold is of the guard; the rollout holds it up
decide/gates._deploying min: no hold is confirmed; the gate before, Unconfirmed, is closed
decide/gates._held_down min: no hold is confirmed; the gate before, Unconfirmed, is closed
decide/gates._settling min: no metric is declared; there is nothing to wait for
decide/guard.is_bad any: no revision has failed; it is not bad
decide/guard.is_troubled any: nothing judges; a revision is known good by being available
decide/guard._is_over any: what was Critical is declared no more; it is over when the window is
decide/guard._signal any: as above; the hold is released, since what it names is gone
decide/known.noted any: no rollback has left a revision; it stays known good
decide/versions.is_flagged any: no switch holds a flag; the revision counts
decide/versions.is_brought any: no rollback has ended; it is a deployment
decide/versions.is_left any: no rollback is engaged; it is a deployment
observe/asking.worst max: without a pod there is no reading, NoReadyPods
observe/baselines.times div: POINTS is a constant of more than 1
observe/baselines.times div: a point is a second or more
observe/baselines.times div: as above
observe/baselines._interval div: PART is a constant
model/figures.beside div: one of a unit is more than 0
model/figures.beside div: as above
model/lookback.lookback max: without brackets the query looks back at nothing
model/promql.Sizes.failed div: by a constant
model/quantities.in_unit div: a scale is more than 0
model/quantities._unit div: a time is more than 0
model/rollouts.rolling_out any: without conditions it is not overdue
model/rollouts._share div: by a constant; of no pods it is 0
model/samples.matrix any: without a series there is no median
model/samples.worst min: no number, NotANumber
model/samples.median_of_range median: fewer than half of the points, or none, have no median
model/statuses.Statuses.__contains__ any: without a range no status is expected; the schema wants one
model/statuses.statuses any: as above
model/verdicts.due min: the end of the silence is always there
sources/json_path.values all: an empty path is the document itself, one value
sources/json_path._check_filter all: a filter without a path is refused
"""


def rows() -> list[str]:
    return [line.partition(":")[0] for line in EMPTY.strip().splitlines()]


def modules() -> Iterator[tuple[str, Path]]:
    for package, names in MODULES.items():
        for name in names.split():
            yield f"{package}/{name}", PACKAGE / package / f"{name}.py"
    for path in sorted((PACKAGE / "sources").glob("*.py")):
        yield f"sources/{path.stem}", path


def sites(node: ast.AST, where: str) -> Iterator[str]:
    """The quantifiers over one iterable, and the divisions, by the function that they are in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from sites(child, f"{where}.{child.name}")
            continue
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and len(child.args) == 1:
            yield from (f"{where} {name}" for name in QUANTIFIERS if child.func.id == name)
        if isinstance(child, ast.BinOp) and isinstance(child.op, ast.Div | ast.FloorDiv):
            yield f"{where} div"
        yield from sites(child, where)


def test_every_quantifier_and_division_has_its_empty_case() -> None:
    found = Counter(site for where, path in modules() for site in sites(ast.parse(path.read_text()), where))

    assert found == Counter(rows())


def test_every_empty_case_says_what_follows() -> None:
    assert [line for line in EMPTY.strip().splitlines() if not line.partition(": ")[2]] == []
