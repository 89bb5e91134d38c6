"""Settings: environment variables RUNBOOK_*, each of which is also a command line flag."""

import json
import re
import socket
import uuid
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from runbook_operator.actions import REGISTRY
from runbook_operator.core.installation import Installation
from runbook_operator.core.sharding import MOST
from runbook_operator.core.url_policy import Pattern, pattern
from runbook_operator.reconcile.contest_backoff import Backoff
from runbook_operator.reconcile.snapshot import Policy

LISTS = 'Several are written as a,b or as ["a","b"]'
"""Help text on how to write a list in a variable or flag; a flag may also be repeated."""
NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def _listed(value: Any) -> Any:
    """Return the entries of a JSON list, of a text with commas, or of several of these, one per flag."""
    if value is None:
        return None
    if not isinstance(value, str):
        return [entry for one in value for entry in (_listed(one) if isinstance(one, str) else (one,))]
    if value.lstrip().startswith("["):
        return _json(value)
    if found := [one.strip() for one in value.split(",") if one.strip()]:
        return found
    raise ValueError("the list is empty; remove the setting to use the default")


def _json(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"it begins like a JSON list and is not valid JSON: {error}") from error
    if wrong := [one for one in found if not isinstance(one, str)]:
        raise ValueError(f"{json.dumps(wrong[0])} in the list must be a text in quotes")
    return found


def _pattern(value: Any) -> Pattern:
    return pattern(str(value))


def _namespace(name: str) -> str:
    if not NAMESPACE.fullmatch(name):
        raise ValueError(
            f"{name!r} is not the name of a namespace: it must have only lower-case letters, digits and -, "
            "begin and end with a letter or a digit, and have at most 63 characters"
        )
    return name


def _action(kind: str) -> str:
    if kind not in REGISTRY:
        raise ValueError(f"{kind!r} is not an action; the actions are {', '.join(sorted(REGISTRY))}")
    return kind


Listed = BeforeValidator(_listed)
Allowed = Annotated[Pattern, PlainValidator(_pattern)]
Namespace = Annotated[str, AfterValidator(_namespace)]
Action = Annotated[str, AfterValidator(_action)]


class Settings(BaseSettings):
    """The settings. Nothing else reads the environment, apart from kubeconfig's own variables."""

    model_config = SettingsConfigDict(env_prefix="RUNBOOK_", frozen=True, extra="ignore")

    namespaces: Annotated[tuple[Namespace, ...], NoDecode, Listed] = Field(
        (), description="Namespaces to serve; none means all."
    )
    http_host: str = Field("127.0.0.1", description="Address of /metrics, /healthz and /readyz.")
    http_port: int = Field(8080, ge=0, le=65535, description="Port of these endpoints; 0 takes a free one and logs it.")
    log_format: Literal["json", "console"] = Field("json", description="json for machines, console for people.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Lowest level that is logged.")
    request_timeout: float = Field(5.0, gt=0, description="Timeout of an API request in seconds.")
    watch_seconds: int = Field(
        15, ge=1, description="Seconds after which a watch is restarted, in case its connection died silently."
    )
    resync_seconds: float = Field(300.0, gt=0, description="Seconds between two resyncs, which list everything.")
    workers: int = Field(16, ge=1, le=256, description="Number of objects that are reconciled at once.")
    lease_namespace: Namespace = Field("default", description="Namespace of the Lease that elects the leader.")
    lease_name: str = Field("runbook-operator", description="Name of that Lease.")
    lease_seconds: float = Field(4.0, ge=1, description="Seconds without renewal after which another replica leads.")
    renew_deadline_seconds: float = Field(
        3.0, gt=0, description="Seconds after which a leader that cannot renew its lease stops leading."
    )
    retry_seconds: float = Field(1.0, gt=0, description="Seconds between tries to renew or to take the lease.")
    shards: int = Field(
        1,
        ge=1,
        le=MOST,
        description="Number of shards that the namespaces are divided into and the replicas share; with 1 one replica "
        "leads all. All replicas need the same value.",
    )
    reapply_first_seconds: float = Field(
        1.0,
        gt=0,
        description="Pause in seconds after the first reapply of a contest; it doubles with each further one.",
    )
    reapply_longest_seconds: float = Field(30.0, gt=0, description="Longest pause between two reapplies, in seconds.")
    reapply_calm_seconds: float = Field(
        600.0, gt=0, description="Seconds without drift after which a contest is over, and Contested ends."
    )
    reapplies_per_second: float = Field(
        10.0, gt=0, description="Maximum rate of reapplies by all switches together, to protect the API server."
    )
    restore_deadline_seconds: float = Field(
        60.0,
        gt=0,
        description="Seconds that a deletion waits for a failing restore; then the failure is reported and the "
        "finalizer removed.",
    )
    progress_seconds: float = Field(
        2.0, gt=0, description="Seconds before progress in the cluster is first reported, and between later reports."
    )
    acting_per_namespace: int = Field(
        5, ge=0, description="Maximum number of Runbooks of a namespace with automatic engagements at once."
    )
    acting_in_cluster: int = Field(
        20, ge=0, description="Maximum number of Runbooks in all namespaces with automatic engagements at once."
    )
    acts_per_hour: int = Field(
        60, ge=0, description="Maximum number of automatic engagements per hour; 0 leaves everything to people."
    )
    require_service_account: bool = Field(
        False,
        description="Require that each Runbook names a service account of its namespace; without one the operator does "
        "nothing for it. For clusters that several teams share.",
    )
    allowed_actions: Annotated[tuple[Action, ...] | None, NoDecode, Listed] = Field(
        None,
        description="Actions that switches may perform with the operator's own rights; [] allows none. Any other "
        "action is refused, whatever rights the operator has.",
    )
    enforce_probes: bool = Field(
        True, description="Allow health endpoints with enforce: true to set probes with the operator's own rights."
    )
    allowed_urls: Annotated[tuple[Allowed, ...], NoDecode, Listed] = Field(
        (),
        description="URLs outside the Runbook's namespace that checks may request, as patterns: "
        "https://*.example.com/health/*. A * in the host stands for one whole label, which is not the last; a * at the "
        "end of the path stands for any rest.",
    )
    allowed_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, Listed] = Field(
        (),
        description="Special networks that checks may connect to: loopback, link-local, metadata, or the API server's "
        "own.",
    )
    metric_sources: str = Field("", description="YAML file that defines the metric sources; docs/metric-sources.md.")
    channels: str = Field("", description="YAML file that defines the channels for messages; docs/channels.md.")
    audit_file: str = Field("", description="File to which the operator appends a line of JSON per write to a target.")
    helm_release: str = Field(
        "", description="Name of the operator's Helm release, for commands in messages; the chart sets it."
    )
    identity: str = Field(
        default_factory=lambda: f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}",
        description="Name of this replica.",
    )

    @property
    def installation(self) -> Installation:
        """The settings that decide about rights."""
        return Installation(
            self.allowed_actions, self.enforce_probes, self.namespaces, self.helm_release, self.lease_namespace
        )

    @property
    def policy(self) -> Policy:
        """The settings that decisions depend on."""
        budget = Backoff(
            first=timedelta(seconds=self.reapply_first_seconds),
            longest=timedelta(seconds=self.reapply_longest_seconds),
            calm=timedelta(seconds=self.reapply_calm_seconds),
        )
        return Policy(
            budget,
            timedelta(seconds=self.restore_deadline_seconds),
            timedelta(seconds=self.progress_seconds),
            self.acting_per_namespace,
            self.acting_in_cluster,
            self.acts_per_hour,
            self.require_service_account,
            self.installation,
        )
