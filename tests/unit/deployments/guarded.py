"""Stories of a guarded Deployment: revisions, readings and verdicts."""

from datetime import timedelta
from typing import Any

from runbook_operator.core.level_tracker import Level, Track
from runbook_operator.core.monitors import Group, Key, MonitorState, Reading
from runbook_operator.core.references import Ref
from tests.builders import WEB, kill_switch
from tests.revisions import kept
from tests.stories import Story, deployment

ERRORS = {"name": "error-rate", "query": "errors", "unit": "ratio", "critical": "> 10%"}

READY = {"name": "ready", "target": "web"}

ENGAGE = {"firstAction": {"engage": "rollback"}}

COMES_UP = {"replicas": 4, "updatedReplicas": 1, "availableReplicas": 3}


def guarded(ref: Ref = WEB, **rest: Any) -> Story:
    """A Runbook whose metric `error-rate` judges its target, and whose switch `rollback` is engaged by a bad one."""
    spec = {
        "killSwitches": [kill_switch("rollback", {"rollback": {"target": "web"}})],
        "metrics": [ERRORS],
        "deployments": ENGAGE,
    }
    return Story(ref=ref, spec=spec | rest)


def sees(story: Story, level: Level, name: str = "error-rate", group: Group = "Metric", **track: Any) -> Story:
    """The level of what is watched is told now."""
    key = Key(story.runbook.meta.ref, group, name)
    known = {"known": level, "data_at": story.now} if level in ("Ok", "Warning", "Critical") else {}
    reading = Reading(value=0.12) if group == "Metric" else Reading(ok=False, message="503 instead of 200-299")
    story.monitor_states[key] = MonitorState(Track(**{"level": level, "since": story.now} | known | track), reading)
    return story


def is_told(story: Story, level: Level, *which: Any, **track: Any) -> Story:
    """As above, and the Runbook is looked at."""
    return sees(story, level, *which, **track).look()


def deployed(story: Story, number: int, *versions: object) -> Story:
    """A second later the Deployment has that number; the versions are those of the revisions 1, 2 and so on."""
    story.now += timedelta(seconds=1)
    versions = versions or tuple(range(1, number + 1))
    story.keepers = tuple(kept(one, place) for place, one in enumerate(versions, 1))
    return story.is_at(deployment(number, COMES_UP))


def verdicts(story: Story) -> list[tuple[int, str]]:
    return [(one.revision, one.verdict) for one in story.target.verdicts]
