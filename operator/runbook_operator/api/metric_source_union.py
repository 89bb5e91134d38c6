"""The source of a metric's number: a query, or a field per registered source, named after its kind."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, create_model, model_validator

from runbook_operator.api.health_checks import HttpCheck
from runbook_operator.core.model_base import ApiModel, Rule
from runbook_operator.sources import REGISTRY, Source

BASELINE = (
    "baseline is only for a query, because only a query can be evaluated for past times; set baselineValue instead"
)


class Counted(ApiModel):
    """A number from exactly one source: a query, or one of the other sources."""

    query: Annotated[str, Field(min_length=1, max_length=4096)] | None = Field(
        None,
        description="Query that returns a number, in the language of the metric source: PromQL for Prometheus, "
        "InfluxQL for InfluxDB. If it returns several series, the worst one counts.",
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> "Counted":
        if (self.query is not None) + len(self._given()) != 1:
            raise ValueError(_exactly_one_of(REGISTRY))
        return self

    @property
    def source_kind(self) -> str | None:
        """The source's kind in the registry, None for a query."""
        return next(iter(self._given()), None)

    @property
    def source_spec(self) -> ApiModel | None:
        return getattr(self, self.source_kind) if self.source_kind else None

    @property
    def target(self) -> str | None:
        """Name of the target that the source reads, None if it has none."""
        return getattr(self.source_spec, "target", None)

    def _given(self) -> list[str]:
        return [kind for kind in REGISTRY if getattr(self, kind, None) is not None]


def counted_union(registry: dict[str, type[Source]]) -> type[Counted]:
    """Make the model with the query and every registered source, and the CEL rule that exactly one is set."""
    members: dict[str, Any] = {
        kind: (_spec(source) | None, Field(None, alias=kind, description=source.__doc__))
        for kind, source in sorted(registry.items())
    }
    present = ", ".join(f"has(self.{kind})" for kind in ("query", *sorted(registry)))
    rule = Rule(f"[{present}].filter(x, x).size() == 1", _exactly_one_of(registry))
    base = type("Counted", (Counted,), {"cel_rules": (rule,), "__doc__": Counted.__doc__})
    return create_model("CountedNumber", __base__=base, __doc__=Counted.__doc__, **members)


def _spec(source: type[Source]) -> type[ApiModel]:
    """Return the model of the field that is named after the source's kind; over HTTP it has HttpCheck's fields too."""
    if not source.over_http:
        return source.Spec
    rules = (*HttpCheck.cel_rules, *source.Spec.cel_rules)
    return type(f"{source.Spec.__name__}Asked", (HttpCheck, source.Spec), {"cel_rules": rules})


def _exactly_one_of(registry: dict[str, type[Source]]) -> str:
    return f"set exactly one of query, {', '.join(sorted(registry))}"


if TYPE_CHECKING:

    class CountedNumber(Counted):
        """Stand-in for the type checker, which cannot see fields that are made at run time."""

        cel_rules: ClassVar[tuple[Rule, ...]]

else:
    CountedNumber = counted_union(REGISTRY)
