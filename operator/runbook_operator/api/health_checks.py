"""How something is asked whether it is well: by HTTP, by TCP, or by gRPC's own health protocol.

An entry that cannot be watched is refused by the API server where CEL can tell, and is no error to these models:
monitoring/declared_monitors tells it of that entry, and the rest of the Runbook goes on.
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
ONE_PLACE = "set exactly one of service and url"
ONE_VALUE = "set exactly one of value and secret"
HTTPS = "tls is for a service: a url says https:// by itself"
OWN_PATH = "path is for a service: a url has its own"
QUICKEST, SLOWEST = timedelta(seconds=1), timedelta(minutes=1)
PERIOD = "period is 1s at least"
TIMEOUT = "timeout is more than 0s, and 1m at most"
NO_DATA = "noDataAfter is 0s, or twice the period at least: with less, the pause between two answers is a lack of data"
LONGEST, LONGEST_NAME = 1024, 256
MOST_HEADERS = 16

Path = Annotated[str, Field(max_length=1024, pattern=r"^/[^\s#\\]*$")]
Times = Annotated[int, Field(ge=1, le=100)]
Body = Annotated[str, Field(max_length=LONGEST)]
Name = Annotated[str, Field(max_length=LONGEST_NAME)]


class ServicePort(ApiModel):
    """A Service in the Runbook's own namespace."""

    name: ObjectName = Field(description="Its metadata.name.")
    port: Port = Field("", description="The port's name or number; empty for the first one.")

    def ref(self, namespace: str) -> Ref:
        return Ref("v1", "Service", namespace, self.name)


class SecretKey(ApiModel):
    """A key of a Secret in the Runbook's own namespace; its value is only ever sent, and never shown."""

    name: ObjectName = Field(description="The Secret's metadata.name.")
    key: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")] = Field(
        description="The key in its data."
    )


class Header(ApiModel):
    """A header of the request."""

    name: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")] = Field(
        description="Its name, such as Authorization."
    )
    value: Annotated[str, Field(max_length=1024, pattern=r"^([!-~]([ -~\t]*[!-~])?)?$")] | None = Field(
        None, description="What it says, in visible ASCII."
    )
    secret: SecretKey | None = Field(None, description="Where what it says is kept.")

    cel_rules: ClassVar[tuple[Rule, ...]] = (Rule("has(self.value) != has(self.secret)", ONE_VALUE),)

    @model_validator(mode="after")
    def _one_value(self) -> "Header":
        if (self.value is None) == (self.secret is None):
            raise ValueError(ONE_VALUE)
        return self


class CheckTls(ApiModel):
    """TLS towards who is asked; tls: {} is enough where a known authority has signed its certificate."""

    ca: SecretKey | None = Field(None, description="The authorities to trust, in PEM, instead of the system's.")
    server_name: Annotated[str, Field(max_length=253)] = Field(
        "", description="The name that its certificate must be for; empty for the Service's."
    )
    skip_verify: bool = Field(False, description="Take any certificate: the check then only says that TLS is spoken.")


class HttpCheck(ApiModel):
    """Well is an expected status, with a text in the body where one is wanted."""

    service: ServicePort | None = Field(None, description="The Service to ask, by its cluster IP.")
    url: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^https?://[^\s#\\]+$")] | None = Field(
        None, description="What to ask outside of the namespace; the administrator must have allowed it."
    )
    path: Path = Field("/", description="The path and query, for a service.")
    expect: Expected = Field("200-299", description="The statuses of a target that is well.")
    body_contains: Body = Field("", description="A text that the body must hold; the body itself is never kept.")
    headers: Annotated[list[Header], Field(max_length=MOST_HEADERS)] = Field(
        default_factory=list, description="Headers to send.", json_schema_extra=mapped_by("name")
    )
    tls: CheckTls | None = Field(None, description="Ask by HTTPS.")

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.service) != has(self.url)", ONE_PLACE),
        Rule("!has(self.url) || !has(self.tls)", HTTPS),
        Rule("!has(self.url) || self.path == '/'", OWN_PATH),
    )

    @model_validator(mode="after")
    def _one_place(self) -> "HttpCheck":
        if (self.service is None) == (self.url is None):
            raise ValueError(ONE_PLACE)
        if self.url is not None and self.tls is not None:
            raise ValueError(HTTPS)
        if self.url is not None and self.path != "/":
            raise ValueError(OWN_PATH)
        return self


class TcpCheck(ApiModel):
    """Well is a connection that is made; nothing is said on it."""

    service: ServicePort = Field(description="The Service to connect to.")


class GrpcCheck(ApiModel):
    """Well is SERVING, as grpc.health.v1.Health/Check answers."""

    service: ServicePort = Field(description="The Service to ask.")
    health_service: Name = Field("", description="The gRPC service to ask about; empty for the whole server.")
    tls: CheckTls | None = Field(None, description="Ask by TLS.")


class Check(ApiModel):
    """How it is asked."""

    http: HttpCheck | None = Field(None, description="By an HTTP GET.")
    tcp: TcpCheck | None = Field(None, description="By a connection.")
    grpc: GrpcCheck | None = Field(None, description="By gRPC's health protocol.")

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule("[has(self.http), has(self.tcp), has(self.grpc)].filter(x, x).size() == 1", ONE_CHECK),
    )

    @model_validator(mode="after")
    def _one_check(self) -> "Check":
        if sum(one is not None for one in (self.http, self.tcp, self.grpc)) != 1:
            raise ValueError(ONE_CHECK)
        return self


PLAIN = "matches('^([0-9]+(h|m|s|ms))+$')"
"""What CEL reads. It reads no days; where there are some, as in 1d, monitoring/declared_monitors has the last word."""
PERIODIC = (
    Rule(f"!self.period.{PLAIN} || duration(self.period) >= duration('1s')", PERIOD),
    Rule(
        f"!self.period.{PLAIN} || !self.noDataAfter.{PLAIN} || duration(self.noDataAfter) == duration('0s') "
        "|| duration(self.noDataAfter) >= duration(self.period) + duration(self.period)",
        NO_DATA,
    ),
)


class Pace(ApiModel):
    """How often something is asked, and how many answers in a row say that it has changed."""

    period: Duration = Field("10s", description="How often it is asked; 1s at least.")
    timeout: Duration = Field("2s", description="How long an answer may take, up to a minute.")
    failure_threshold: Times = Field(3, description="So many failures in a row say that it is not well.")
    success_threshold: Times = Field(1, description="So many successes in a row say that it is well again.")
    no_data_after: Duration = Field(
        "5m", description="After this time without knowing it is told as Stale; it is neither good nor bad news."
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
