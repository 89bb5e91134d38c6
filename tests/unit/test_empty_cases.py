"""Each quantifier and each division in what senses and decides by itself, with its empty case: nothing is good news.

"All of none" is true, and the least of none is nothing. A new `all`, `any`, `min`, `max`, median or division in these
modules fails the test until its empty case has a row, and a row that no code has any more fails it too.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "operator" / "runbook_operator"
MODULES = (
    "automation/active_signals",
    "automation/effectiveness",
    "automation/gates",
    "core/http_statuses",
    "core/level_tracker",
    "core/monitors",
    "core/number_format",
    "core/promql_batching",
    "core/quantities",
    "core/rollout_progress",
    "core/samples",
    "core/signals",
    "core/thresholds",
    "deployments/evidence",
    "deployments/guard",
    "deployments/guard_messages",
    "deployments/observation_window",
    "deployments/revision_history",
    "deployments/workload_revisions",
    "kube/owned_pods",
    "monitoring/declared_alerts",
    "monitoring/declared_monitors",
    "monitoring/entry_status",
    "monitoring/healthy_condition",
    "monitoring/intended_downtime",
    "monitoring/io/baselines",
    "monitoring/io/health_checker",
    "monitoring/io/metric_reader",
    "monitoring/io/number_reader",
    "monitoring/promql_lookback",
    "monitoring/reading_messages",
)
QUANTIFIERS = ("all", "any", "min", "max", "median")

EMPTY = """
monitoring/intended_downtime.excuse any: no reason is about 0 replicas; a workload at 0 then is one
monitoring/intended_downtime.excuse min: nobody holds the target down; what is seen of it counts
monitoring/intended_downtime.holding any: the step has written nothing; it holds nothing down
deployments/guard_messages._rollback_choice any: no revision is known good; the one before it is named
automation/effectiveness._is_in_place all: an engagement that wrote nothing is never in place, see the test below
automation/effectiveness._in_place_since max: nothing was applied; the time of the engagement
automation/gates.Case.by_metrics all: without a hold it is by nothing, and not by metrics
automation/gates._deploying any: no action rolls back; the rollout holds it up
automation/gates._deploying any: no hold is of the guard; the rollout holds it up
automation/gates._deploying min: no hold is confirmed; the gate before, Unconfirmed, is closed
automation/gates._held_down min: no hold is confirmed; the gate before, Unconfirmed, is closed
automation/gates._settling min: no metric is declared; there is nothing to wait for
deployments/guard.is_bad any: no revision has failed; it is not bad
deployments/guard.is_troubled any: nothing judges; a revision is known good by being available
deployments/guard._is_over any: what was Critical is declared no more; it is over when the window is
deployments/guard._signal any: as above; the hold is released, since what it names is gone
deployments/revision_history.noted any: no rollback has left a revision; it stays known good
deployments/workload_revisions.is_flagged any: no switch holds a flag; the revision counts
deployments/workload_revisions.is_rolled_back_to any: no rollback has ended; it is a deployment
deployments/workload_revisions.is_replaced_by_rollback any: no rollback is engaged; it is a deployment
monitoring/io/health_checker.worst max: without a pod there is no reading, NoReadyPods
monitoring/io/baselines.times div: POINTS is a constant of more than 1
monitoring/io/baselines.times div: a point is a second or more
monitoring/io/baselines.times div: as above
monitoring/io/baselines._interval div: PART is a constant
core/number_format.beside div: one of a unit is more than 0
core/number_format.beside div: as above
monitoring/promql_lookback.lookback max: without brackets the query looks back at nothing
core/promql_batching.Sizes.failed div: by a constant
core/quantities.in_unit div: a scale is more than 0
core/quantities._unit div: a time is more than 0
core/rollout_progress.rolling_out any: without conditions it is not overdue
core/rollout_progress._share div: by a constant; of no pods it is 0
core/samples.matrix any: without a series there is no median
core/samples.worst min: no number, NotANumber
core/samples.median_of_range median: fewer than half of the points, or none, have no median
core/http_statuses.Statuses.__contains__ any: without a range no status is expected; the schema wants one
core/http_statuses.statuses any: as above
core/level_tracker.due min: the end of the silence is always there
sources/json_path.values all: an empty path is the document itself, one value
sources/json_path._check_filter all: a filter without a path is refused
"""


def rows() -> list[str]:
    return [line.partition(":")[0] for line in EMPTY.strip().splitlines()]


def modules() -> Iterator[tuple[str, Path]]:
    for name in MODULES:
        yield name, PACKAGE / f"{name}.py"
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
    found = Counter(
        traffic_target for where, path in modules() for traffic_target in sites(ast.parse(path.read_text()), where)
    )

    assert found == Counter(rows())


def test_every_empty_case_has_its_consequence() -> None:
    assert [line for line in EMPTY.strip().splitlines() if not line.partition(": ")[2]] == []
