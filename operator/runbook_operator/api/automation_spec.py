"""What a Runbook's team allows automatic sources to do, how often and when."""

from typing import Annotated

from pydantic import Field

from runbook_operator.api.name_types import EntryName, mapped_by
from runbook_operator.core.durations import Duration
from runbook_operator.core.model_base import ApiModel


def _field(value: str) -> str:
    """One field of a cron expression: values, ranges and steps in a list."""
    item = rf"(\*|{value}(-{value})?)(/[1-9][0-9]?)?"
    return f"{item}(,{item})*"


MINUTE, HOUR, DAY = "[0-5]?[0-9]", "([01]?[0-9]|2[0-3])", "(0?[1-9]|[12][0-9]|3[01])"
MONTH, WEEKDAY = "(0?[1-9]|1[0-2]|[A-Za-z]{3})", "([0-7]|[A-Za-z]{3})"
SCHEDULE = f"^{' +'.join(map(_field, (MINUTE, HOUR, DAY, MONTH, WEEKDAY)))}$"


class MaintenanceWindow(ApiModel):
    """A time that comes again, in which nothing automatic engages a switch."""

    name: EntryName = Field(description="What it is called in messages.")
    schedule: Annotated[str, Field(max_length=128, pattern=SCHEDULE)] = Field(
        description='When it begins: minute, hour, day, month and weekday, as cron has them: "0 2 * * SUN".'
    )
    duration: Duration = Field(description="How long it lasts: 2h.")
    time_zone: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$")] = Field(
        "UTC", description="The time zone of the schedule, with its summer time, by its IANA name: Europe/Berlin."
    )


class Automation(ApiModel):
    """When automatic sources may engage a switch. A person's word and every release go before all of this."""

    cool_down: Duration = Field(
        "5m", description="For so long after an automatic engagement of a switch has ended none begins again."
    )
    acts_per_hour: Annotated[int, Field(ge=1, le=60)] = Field(
        6, description="So many automatic engagements of all switches together may begin within an hour."
    )
    ineffective_after: Annotated[int, Field(ge=0, le=10)] = Field(
        2,
        description="After so many automatic engagements in a row that did not help, a metric no longer engages the "
        "switch until anything in the Switch's spec has changed, such as its reason; 0 never stops.",
    )
    min_ready_pods: Annotated[int, Field(ge=0, le=10_000)] = Field(
        0,
        description="An automatic act needs so many ready pods of the workload that it acts on, and a scale must leave "
        "so many; 0 asks for none. What rolls back or adds pods is done with fewer.",
    )
    maintenance_windows: Annotated[list[MaintenanceWindow], Field(max_length=16)] = Field(
        default_factory=list,
        description="When nothing automatic engages a switch; what is engaged stays so.",
        json_schema_extra=mapped_by("name"),
    )
