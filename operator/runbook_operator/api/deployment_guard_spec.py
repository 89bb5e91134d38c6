"""The deployment guard of a Runbook: its spec, and its status per revision."""

from typing import Annotated, Literal

from pydantic import Field

from runbook_operator.api.monitoring_spec import Engage
from runbook_operator.api.name_types import EntryName
from runbook_operator.core.durations import Duration, duration
from runbook_operator.core.model_base import ApiModel, StatusModel
from runbook_operator.core.severities import Severity

Verdict = Literal["Watching", "Good", "Bad", "Unproven"]


class Deployments(ApiModel):
    """The deployment guard: how it judges new revisions of the targets' workloads."""

    good_after: Duration = Field(
        "5m",
        description="A revision is known good once all its pods were updated and available for this time. A rollback "
        "goes to the newest known good revision.",
    )
    monitor_for: Duration = Field(
        "30m",
        description="Length of the window in which the guard watches a new revision. A metric or health endpoint that "
        "becomes Critical in it makes the revision bad. With 0s it watches none.",
    )
    first_action: Engage | None = Field(
        None,
        description="The kill switch to engage when a revision is bad, usually one with a rollback. Without it the "
        "guard only reports the bad revision.",
    )
    severity: Severity | None = Field(
        None, description="Severity of the incident that opens when a revision is bad. Without it none opens."
    )
    metrics: Annotated[list[EntryName], Field(max_length=64)] | None = Field(
        None,
        description="Names of the entries of spec.metrics that judge a revision. Default: all with a critical "
        "threshold.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    health_endpoints: Annotated[list[EntryName], Field(max_length=32)] | None = Field(
        None,
        description="Names of the entries of spec.healthEndpoints that judge a revision of their target. Default: all.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )

    @property
    def guards(self) -> bool:
        """True if a bad revision engages a switch."""
        return self.first_action is not None and bool(duration(self.monitor_for))


class GoodRevision(StatusModel):
    """A revision of a workload that is known good."""

    revision: int = Field(description="Number of the revision, as kubectl rollout history showed it; 0 if unknown.")
    template: str = Field(
        "",
        description="Identity that the revision keeps when it is rolled out again under another number, for kinds that "
        "do not record older numbers: the name of its ControllerRevision, or the digest of its template.",
    )


class AvailableRevision(GoodRevision):
    """A revision whose pods are all available, but not yet for goodAfter."""

    since: str = Field(description="Time since which all its pods are available, RFC 3339.")


class WatchedRevision(GoodRevision):
    """The new revision that the guard watches, or the bad one until all that became Critical is Ok again."""

    since: str = Field(description="Time at which the revision was first observed, RFC 3339.")
    until: str = Field(description="End of its window, RFC 3339.")
    before: list[str] = Field(
        default_factory=list,
        description="Metrics and health endpoints that became Critical before the revision, or while the target was "
        "down on purpose. They are no evidence against it until they were Ok again.",
    )
    judged_by: list[str] = Field(
        default_factory=list,
        description="Metrics and health endpoints that became Critical in its window. The hold ends when all are Ok "
        "again.",
    )
    available: bool = Field(False, description="true if all its pods were available at some time in the window.")
    excuse: str = Field(
        "",
        description="Reason why a Critical level is no evidence against it: a switch holds the target down, or "
        "it was scaled to 0.",
    )
    excused_until: str | None = Field(
        None,
        description="End of the last excuse, RFC 3339. A level that still stems from that time is no evidence either.",
    )


class JudgedRevision(GoodRevision):
    """A revision that was rolled out, and the guard's verdict on it."""

    digest: str = Field(
        "",
        description="Digest of its template without changes by restarts and switches; empty if the operator may not "
        "read the revisions.",
    )
    verdict: Verdict = Field(
        description="Watching: its window is open. Good: nothing became Critical in it. Bad: something did. Unproven: "
        "it was not watched to the end, its pods were never all available, or there was no data at the end."
    )
    since: str = Field(description="Time at which the revision was first observed, RFC 3339.")
    reason: str = Field("", description="Explanation of the verdict, in a sentence.")
    advice: str = Field(
        "", description="Response to a bad revision, and the change in Git that rolls it back for good."
    )
    rolled_back_to: bool = Field(
        False, description="true if a switch rolled back to it, and it was not deployed again since."
    )
