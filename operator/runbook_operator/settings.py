"""Settings: environment variables RUNBOOK_*, each also a flag of the command line."""

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
from runbook_operator.reconcile.conflict_backoff import Backoff
from runbook_operator.reconcile.snapshot import Policy

LISTS = 'Several are written as a,b or as ["a","b"]'
"""How a list is written in a variable and in a flag; a flag may be repeated too."""
NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def _listed(value: Any) -> Any:
    """The entries of a list: of a JSON list, of a text with commas, or of several of these, one for each flag."""
    if value is None:
        return None
    if not isinstance(value, str):
        return [entry for one in value for entry in (_listed(one) if isinstance(one, str) else (one,))]
    if value.lstrip().startswith("["):
        return _json(value)
    if found := [one.strip() for one in value.split(",") if one.strip()]:
        return found
    raise ValueError("it is empty; leave it out for the default")


def _json(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"it begins as a JSON list and is none: {error}") from error
    if wrong := [one for one in found if not isinstance(one, str)]:
        raise ValueError(f"{json.dumps(wrong[0])} in the list is not text in quotes")
    return found


def _pattern(value: Any) -> Pattern:
    return pattern(str(value))


def _namespace(name: str) -> str:
    if not NAMESPACE.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name of a namespace: it has up to 63 lower-case letters, digits and -, "
            "and begins and ends with a letter or a digit"
        )
    return name


def _action(kind: str) -> str:
    if kind not in REGISTRY:
        raise ValueError(f"{kind!r} is no action: the actions are {', '.join(sorted(REGISTRY))}")
    return kind


Listed = BeforeValidator(_listed)
Allowed = Annotated[Pattern, PlainValidator(_pattern)]
Namespace = Annotated[str, AfterValidator(_namespace)]
Action = Annotated[str, AfterValidator(_action)]


class Settings(BaseSettings):
    """The only reader of the environment, apart from kubeconfig's own variables."""

    model_config = SettingsConfigDict(env_prefix="RUNBOOK_", frozen=True, extra="ignore")

    namespaces: Annotated[tuple[Namespace, ...], NoDecode, Listed] = Field(
        (), description="Namespaces to serve; none serves them all."
    )
    http_host: str = Field("127.0.0.1", description="Address of /metrics, /healthz and /readyz.")
    http_port: int = Field(8080, ge=0, le=65535, description="Port of the same; 0 takes a free one and logs it.")
    log_format: Literal["json", "console"] = Field("json", description="json for machines, console for people.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least level that is logged."
    )
    request_timeout: float = Field(5.0, gt=0, description="Seconds that one API request may take.")
    watch_seconds: int = Field(
        15, ge=1, description="A watch is begun anew so often: a connection that died silently is noticed by then."
    )
    resync_seconds: float = Field(300.0, gt=0, description="How often everything is listed and compared.")
    workers: int = Field(16, ge=1, le=256, description="Objects that are worked on at once.")
    lease_namespace: Namespace = Field("default", description="Namespace of the Lease that elects the leader.")
    lease_name: str = Field("runbook-operator", description="Name of that Lease.")
    lease_seconds: float = Field(4.0, ge=1, description="After so many seconds without renewal another replica leads.")
    renew_deadline_seconds: float = Field(3.0, gt=0, description="A leader that could not renew for so long stops.")
    retry_seconds: float = Field(1.0, gt=0, description="Pause between tries to renew or to take the lease.")
    shards: int = Field(
        1,
        ge=1,
        le=MOST,
        description="Into how many shards namespaces are divided, which replicas share; 1 leaves all to one leader. "
        "All replicas need the same.",
    )
    put_back_first_seconds: float = Field(
        1.0, gt=0, description="Pause after the first put-back of a fight; it doubles with each one."
    )
    put_back_longest_seconds: float = Field(30.0, gt=0, description="The longest pause between two put-backs.")
    put_back_calm_seconds: float = Field(
        600.0, gt=0, description="A fight without a deviation for so long is over, and Contested ends."
    )
    put_backs_per_second: float = Field(
        10.0, gt=0, description="Put-backs of all switches together, so that many fights never melt an API server."
    )
    let_go_seconds: float = Field(
        60.0, gt=0, description="A deletion waits so long for a restore that fails; then it is reported and let go."
    )
    progress_seconds: float = Field(
        2.0, gt=0, description="What the cluster has reached by then is never told, and what takes longer so often."
    )
    acting_per_namespace: int = Field(
        5, ge=0, description="So many Runbooks of a namespace may have automatic engagements at once."
    )
    acting_in_cluster: int = Field(20, ge=0, description="As above, of all namespaces together.")
    acts_per_hour: int = Field(
        60, ge=0, description="So many automatic engagements may begin within an hour; 0 leaves everything to people."
    )
    require_service_account: bool = Field(
        False,
        description="Whether a Runbook must name a service account of its namespace before anything is done for it: "
        "for clusters that several teams share.",
    )
    allowed_actions: Annotated[tuple[Action, ...] | None, NoDecode, Listed] = Field(
        None,
        description="The actions that switches may do by the operator's own rights; [] allows none. Any other action "
        "is refused, whatever rights the operator has.",
    )
    enforce_probes: bool = Field(
        True, description="Whether health endpoints with enforce: true may set probes by the operator's own rights."
    )
    allowed_urls: Annotated[tuple[Allowed, ...], NoDecode, Listed] = Field(
        (),
        description="URLs that checks may ask outside of the Runbook's namespace, as patterns: "
        "https://*.example.com/health/*. In the host a * is one whole label but the last, at the end of the path "
        "whatever follows.",
    )
    allowed_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, Listed] = Field(
        (),
        description="Networks that checks may ask although they are special: loopback, link-local, "
        "metadata, or the API server's own.",
    )
    metric_sources: str = Field("", description="A YAML file that names the metric sources; docs/metric-sources.md.")
    audit_file: str = Field("", description="A file to which every write to a target is added as a line of JSON.")
    helm_release: str = Field(
        "", description="The Helm release that runs the operator, for the commands in messages; the chart sets it."
    )
    identity: str = Field(
        default_factory=lambda: f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}",
        description="This replica's name.",
    )

    @property
    def installation(self) -> Installation:
        """What of the settings decides about rights."""
        return Installation(
            self.allowed_actions, self.enforce_probes, self.namespaces, self.helm_release, self.lease_namespace
        )

    @property
    def policy(self) -> Policy:
        """The settings that decisions depend on."""
        budget = Backoff(
            first=timedelta(seconds=self.put_back_first_seconds),
            longest=timedelta(seconds=self.put_back_longest_seconds),
            calm=timedelta(seconds=self.put_back_calm_seconds),
        )
        return Policy(
            budget,
            timedelta(seconds=self.let_go_seconds),
            timedelta(seconds=self.progress_seconds),
            self.acting_per_namespace,
            self.acting_in_cluster,
            self.acts_per_hour,
            self.require_service_account,
            self.installation,
        )
