"""Models of health checks: by HTTP, TCP or gRPC's health protocol.

The API server rejects an invalid entry as far as CEL can decide it. These models accept it:
monitoring/declared_monitors reports it for that entry, and the rest of the Runbook keeps working.
"""

from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from runbook_operator.api.name_types import ObjectName, mapped_by
from runbook_operator.core.durations import Duration
from runbook_operator.core.http_statuses import Expected
from runbook_operator.core.model_base import ApiModel, Rule
from runbook_operator.core.references import Ref
from runbook_operator.core.service_ports import Port

ONE_CHECK = "set exactly one of http, tcp and grpc"
SERVICE_OR_URL = "set exactly one of service and url"
ONE_VALUE = "set exactly one of value and secret"
HTTPS = "tls is only for a service: for a url write https://"
OWN_PATH = "path is only for a service: a url contains its path"
QUICKEST, SLOWEST = timedelta(seconds=1), timedelta(minutes=1)
NO_DATA_AFTER = "5m"
PERIOD = "period must be at least 1s"
TIMEOUT = "timeout must be more than 0s and at most 1m"
NO_DATA = (
    "noDataAfter must be 0s, or at least twice the period: with less, the normal pause between two answers "
    "would count as no data"
)
LONGEST, LONGEST_NAME = 1024, 256
MOST_HEADERS = 16

Path = Annotated[str, Field(max_length=1024, pattern=r"^/[^\s#\\]*$")]
Times = Annotated[int, Field(ge=1, le=100)]
Body = Annotated[str, Field(max_length=LONGEST)]
Name = Annotated[str, Field(max_length=LONGEST_NAME)]


class ServicePort(ApiModel):
    """A Service in the Runbook's namespace."""

    name: ObjectName = Field(description="Name of the Service.")
    port: Port = Field("", description="Name or number of the port; empty for the first one.")

    def ref(self, namespace: str) -> Ref:
        return Ref("v1", "Service", namespace, self.name)


class SecretKey(ApiModel):
    """A key of a Secret in the Runbook's namespace. The operator sends its value and never shows it."""

    name: ObjectName = Field(description="Name of the Secret.")
    key: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")] = Field(
        description="Key in the Secret's data."
    )


class Header(ApiModel):
    """A header of the request, with its value or the Secret that has it."""

    name: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")] = Field(
        description="Name of the header, such as Authorization."
    )
    value: Annotated[str, Field(max_length=1024, pattern=r"^([!-~]([ -~\t]*[!-~])?)?$")] | None = Field(
        None, description="Value of the header, in visible ASCII."
    )
    secret: SecretKey | None = Field(None, description="Secret that has the value of the header.")

    cel_rules: ClassVar[tuple[Rule, ...]] = (Rule("has(self.value) != has(self.secret)", ONE_VALUE),)

    @model_validator(mode="after")
    def _one_value(self) -> "Header":
        if (self.value is None) == (self.secret is None):
            raise ValueError(ONE_VALUE)
        return self


class CheckTls(ApiModel):
    """TLS to the server; tls: {} is enough if its certificate is signed by an authority that the system trusts."""

    ca: SecretKey | None = Field(None, description="Certificate authorities to trust (PEM), instead of the system's.")
    server_name: Annotated[str, Field(max_length=253)] = Field(
        "", description="Name that the server's certificate must have; empty for the Service's name."
    )
    skip_verify: bool = Field(
        False, description="Accept any certificate; the check then proves only that the server speaks TLS."
    )


class HttpCheck(ApiModel):
    """A check by HTTP GET: healthy if the status is expected, and the body contains the text, if one is set."""

    service: ServicePort | None = Field(None, description="Service to send the request to, by its cluster IP.")
    url: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^https?://[^\s#\\]+$")] | None = Field(
        None, description="URL to request outside the namespace; the administrator must have allowed it."
    )
    path: Path = Field("/", description="Path and query of the request to a service.")
    expect: Expected = Field("200-299", description="Response statuses of a healthy target.")
    body_contains: Body = Field("", description="Text that the body must contain; the body itself is never stored.")
    headers: Annotated[list[Header], Field(max_length=MOST_HEADERS)] = Field(
        default_factory=list, description="Headers to send.", json_schema_extra=mapped_by("name")
    )
    tls: CheckTls | None = Field(None, description="Use HTTPS for a service.")

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.service) != has(self.url)", SERVICE_OR_URL),
        Rule("!has(self.url) || !has(self.tls)", HTTPS),
        Rule("!has(self.url) || self.path == '/'", OWN_PATH),
    )

    @model_validator(mode="after")
    def _one_place(self) -> "HttpCheck":
        if (self.service is None) == (self.url is None):
            raise ValueError(SERVICE_OR_URL)
        if self.url is not None and self.tls is not None:
            raise ValueError(HTTPS)
        if self.url is not None and self.path != "/":
            raise ValueError(OWN_PATH)
        return self


class TcpCheck(ApiModel):
    """A check by TCP: healthy if the connection is accepted. The check sends nothing."""

    service: ServicePort = Field(description="Service to connect to.")


class GrpcCheck(ApiModel):
    """A check by grpc.health.v1.Health/Check: healthy if it returns SERVING."""

    service: ServicePort = Field(description="Service to send the request to.")
    health_service: Name = Field("", description="Name of the gRPC service to check; empty for the whole server.")
    tls: CheckTls | None = Field(None, description="Use TLS.")


class Check(ApiModel):
    """A health check by exactly one protocol."""

    http: HttpCheck | None = Field(None, description="Check by an HTTP GET.")
    tcp: TcpCheck | None = Field(None, description="Check by a TCP connection.")
    grpc: GrpcCheck | None = Field(None, description="Check by gRPC's health protocol.")

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule("[has(self.http), has(self.tcp), has(self.grpc)].filter(x, x).size() == 1", ONE_CHECK),
    )

    @model_validator(mode="after")
    def _one_check(self) -> "Check":
        if sum(one is not None for one in (self.http, self.tcp, self.grpc)) != 1:
            raise ValueError(ONE_CHECK)
        return self


PLAIN = "matches('^([0-9]+(h|m|s|ms))+$')"
"""The durations that CEL can parse. It has no days; for those, as in 1d, only monitoring/declared_monitors checks."""
QUICK_ENOUGH = Rule(f"!self.period.{PLAIN} || duration(self.period) >= duration('1s')", PERIOD)
PERIODIC = (
    QUICK_ENOUGH,
    Rule(
        f"!self.period.{PLAIN} || !self.noDataAfter.{PLAIN} || duration(self.noDataAfter) == duration('0s') "
        "|| duration(self.noDataAfter) >= duration(self.period) + duration(self.period)",
        NO_DATA,
    ),
)


class Pace(ApiModel):
    """The period of a check, and the number of results in a row that change its level."""

    period: Duration = Field("10s", description="Time between checks, at least 1s.")
    timeout: Duration = Field("2s", description="Timeout of a check, at most 1m.")
    failure_threshold: Times = Field(3, description="Number of failures in a row after which it counts as unhealthy.")
    success_threshold: Times = Field(
        1, description="Number of successes in a row after which it counts as healthy again."
    )
    no_data_after: Duration = Field(
        NO_DATA_AFTER,
        description="Time without a result after which the level is Stale, which engages and releases nothing.",
    )

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        *PERIODIC,
        Rule(
            f"!self.timeout.{PLAIN} ? !self.timeout.matches('^[0-9]+d') : duration(self.timeout) > duration('0s') && "
            "duration(self.timeout) <= duration('1m')",
            TIMEOUT,
        ),
    )


Protocol = Literal["HTTP", "TCP", "GRPC"]
