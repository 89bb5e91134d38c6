"""Limits on automatic engagements, as a Runbook's team declares them."""

from typing import Annotated

from pydantic import Field

from runbook_operator.api.name_types import EntryName, mapped_by
from runbook_operator.core.durations import Duration
from runbook_operator.core.model_base import ApiModel


def _field(value: str) -> str:
    """Return the pattern of one field of a cron expression: a list of values, ranges and steps."""
    item = rf"(\*|{value}(-{value})?)(/[1-9][0-9]?)?"
    return f"{item}(,{item})*"


MINUTE, HOUR, DAY = "[0-5]?[0-9]", "([01]?[0-9]|2[0-3])", "(0?[1-9]|[12][0-9]|3[01])"
MONTH, WEEKDAY = "(0?[1-9]|1[0-2]|[A-Za-z]{3})", "([0-7]|[A-Za-z]{3})"
SCHEDULE = f"^{' +'.join(map(_field, (MINUTE, HOUR, DAY, MONTH, WEEKDAY)))}$"


class MaintenanceWindow(ApiModel):
    """A recurring window during which automatic sources engage no switch."""

    name: EntryName = Field(description="Name of the window in messages.")
    schedule: Annotated[str, Field(max_length=128, pattern=SCHEDULE)] = Field(
        description='Start of the window in cron format (minute, hour, day, month, weekday): "0 2 * * SUN".'
    )
    duration: Duration = Field(description="Length of the window: 2h.")
    time_zone: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$")] = Field(
        "UTC", description="IANA name of the schedule's time zone, whose daylight saving time applies: Europe/Berlin."
    )


class Automation(ApiModel):
    """Limits on automatic engagements. They apply neither to a person's override nor to any release."""

    cool_down: Duration = Field(
        "5m",
        description="Minimum time between the end of one automatic engagement of a switch and the start of its next.",
    )
    acts_per_hour: Annotated[int, Field(ge=1, le=60)] = Field(
        6, description="Maximum number of automatic engagements per hour, across all switches of this Runbook."
    )
    ineffective_after: Annotated[int, Field(ge=0, le=10)] = Field(
        2,
        description="Number of automatic engagements in a row that did not help after which a metric no longer engages "
        "the switch, until the Switch's spec changes, such as its reason. 0 means no limit.",
    )
    min_ready_pods: Annotated[int, Field(ge=0, le=10_000)] = Field(
        0,
        description="Minimum number of ready pods that the workload must have for an automatic engagement, and that a "
        "scale must leave. Actions that roll back or add pods need none. 0 disables the check.",
    )
    maintenance_windows: Annotated[list[MaintenanceWindow], Field(max_length=16)] = Field(
        default_factory=list,
        description="Windows in which automatic sources engage no switch; a switch that is engaged stays engaged.",
        json_schema_extra=mapped_by("name"),
    )
