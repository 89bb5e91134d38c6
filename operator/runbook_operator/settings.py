"""Settings: environment variables RUNBOOK_*, each also a flag of the command line."""

import socket
import uuid
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The only reader of the environment, apart from kubeconfig's own variables."""

    model_config = SettingsConfigDict(env_prefix="RUNBOOK_", frozen=True, extra="ignore")

    namespaces: tuple[str, ...] = Field((), description="Namespaces to serve, as a JSON list; empty serves them all.")
    http_host: str = Field("127.0.0.1", description="Address of /metrics, /healthz and /readyz.")
    http_port: int = Field(8080, ge=0, le=65535, description="Port of the same; 0 takes a free one and logs it.")
    log_format: Literal["json", "console"] = Field("json", description="json for machines, console for people.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least level that is logged."
    )
    request_timeout: float = Field(5.0, gt=0, description="Seconds that one API request may take.")
    resync_seconds: float = Field(300.0, gt=0, description="How often everything is listed and compared.")
    workers: int = Field(16, ge=1, le=256, description="Objects that are worked on at once.")
    lease_namespace: str = Field("default", description="Namespace of the Lease that elects the leader.")
    lease_name: str = Field("runbook-operator", description="Name of that Lease.")
    lease_seconds: float = Field(4.0, ge=1, description="After so many seconds without renewal another replica leads.")
    renew_deadline_seconds: float = Field(3.0, gt=0, description="A leader that could not renew for so long stops.")
    retry_seconds: float = Field(1.0, gt=0, description="Pause between tries to renew or to take the lease.")
    identity: str = Field(
        default_factory=lambda: f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}",
        description="This replica's name.",
    )
