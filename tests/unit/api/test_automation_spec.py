"""How maintenance windows may be written."""

import re
from typing import Any

import pytest
from pydantic import ValidationError

from runbook_operator.api.automation_spec import SCHEDULE, Automation, MaintenanceWindow


@pytest.mark.parametrize(
    "schedule",
    ["0 2 * * SUN", "*/15 0-6,22,23 1-7 * 1-5", "5/20  07 31 12 7", "0 0 1 jan,Jul mon-fri", "59 23 * * *"],
)
def test_schedule_with_five_cron_fields_is_accepted(schedule: str) -> None:
    assert re.match(SCHEDULE, schedule)
    assert MaintenanceWindow(name="nightly", schedule=schedule, duration="2h").time_zone == "UTC"


@pytest.mark.parametrize(
    "schedule",
    [
        *("", "@daily", "0 2 * *", "0 0 2 * * *", "60 2 * * *", "0 24 * * *", "0 2 0 * *", "0 2 * 13 *", "0 2 * * 8"),
        *("0 2 * * 5#2", "0 2 L * *", "*/0 * * * *", "0,* 2 * * ?", "0 2 * * SUN\n"),
    ],
)
def test_invalid_schedule_is_refused(schedule: str) -> None:
    with pytest.raises(ValidationError, match="schedule"):
        MaintenanceWindow(name="nightly", schedule=schedule, duration="2h")


@pytest.mark.parametrize(
    "spec",
    [
        {"actsPerHour": 0},
        {"actsPerHour": 61},
        {"ineffectiveAfter": 11},
        {"minReadyPods": -1},
        {"coolDown": "soon"},
        {"maintenanceWindows": [{"name": "a", "schedule": "0 2 * * *", "duration": "1h", "timeZone": "a zone"}]},
    ],
)
def test_automation_limit_out_of_bounds_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Automation.model_validate(spec)
