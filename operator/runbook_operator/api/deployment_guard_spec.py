"""What a Runbook says about new revisions of its targets, and what is known of them."""

from typing import Annotated, Literal

from pydantic import Field

from runbook_operator.api.monitoring_spec import Engage
from runbook_operator.api.name_types import EntryName
from runbook_operator.core.durations import Duration, duration
from runbook_operator.core.model_base import ApiModel, StatusModel

Verdict = Literal["Watching", "Good", "Bad", "Unproven"]


class Deployments(ApiModel):
    """How new revisions of the targets' workloads are judged."""

    good_after: Duration = Field(
        "5m",
        description="A revision whose pods were all updated and available for so long is known good: rollback goes "
        "to the newest such revision.",
    )
    monitor_for: Duration = Field(
        "30m",
        description="For so long a new revision is watched: what becomes Critical meanwhile makes it a bad one. 0s "
        "watches none.",
    )
    first_action: Engage | None = Field(
        None,
        description="What is engaged when a revision is bad, usually a kill switch with a rollback; absent, it is told "
        "and nothing is done.",
    )
    metrics: Annotated[list[EntryName], Field(max_length=64)] | None = Field(
        None,
        description="The metrics in spec.metrics that judge a revision; absent, all that have a critical threshold.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    health_endpoints: Annotated[list[EntryName], Field(max_length=32)] | None = Field(
        None,
        description="The health endpoints in spec.healthEndpoints that judge a revision of their target; absent, all.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )

    @property
    def guards(self) -> bool:
        """Whether a bad revision has consequences."""
        return self.first_action is not None and bool(duration(self.monitor_for))


class GoodRevision(StatusModel):
    """A revision of a workload that was seen working."""

    revision: int = Field(description="Its number then, as kubectl rollout history shows it; 0 where it is not known.")
    template: str = Field(
        "",
        description="What it keeps when it is rolled out again under another number, for kinds that do not note their "
        "older numbers: the name of its ControllerRevision, or the digest of its template.",
    )


class AvailableRevision(GoodRevision):
    """A revision whose pods are all available, and not for long enough yet."""

    since: str = Field(description="Since when, RFC 3339.")


class WatchedRevision(GoodRevision):
    """The new revision that is watched, or the bad one until what it has brought is over."""

    since: str = Field(description="When it was seen first, RFC 3339.")
    until: str = Field(description="When its window ends, RFC 3339.")
    before: list[str] = Field(
        default_factory=list,
        description="What was Critical before it came, or while the target was down on purpose: that is no evidence "
        "against it until it was Ok again.",
    )
    saw: list[str] = Field(
        default_factory=list, description="What has become Critical since: the hold ends when all of it is Ok again."
    )
    available: bool = Field(False, description="Whether its pods were all available at some time in the window.")
    excuse: str = Field(
        "",
        description="Why what is Critical now says nothing against it: a switch holds the target down, or it was "
        "scaled to 0.",
    )
    excused_until: str | None = Field(
        None, description="When the last such reason ended, RFC 3339: what still shows it is no evidence either."
    )


class JudgedRevision(GoodRevision):
    """A revision that was rolled out, and what became of it."""

    digest: str = Field(
        "",
        description="The digest of its template without what restarts and switches have put into it; empty where the "
        "operator may not read what keeps the templates.",
    )
    verdict: Verdict = Field(
        description="Watching: its window is open. Good: nothing became Critical in it. Bad: something did. Unproven: "
        "it was not watched to the end, its pods were never all available, or there was no data at the end."
    )
    since: str = Field(description="When it was seen first, RFC 3339.")
    reason: str = Field("", description="Why, in a sentence.")
    advice: str = Field("", description="What is done about a bad one, and what Git must change to go back for good.")
    brought: bool = Field(False, description="Whether a switch has brought it back, and nobody has deployed it.")
