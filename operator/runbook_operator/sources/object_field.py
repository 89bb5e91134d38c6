"""object: a field of an object of the Runbook's namespace."""

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from runbook_operator.core import field_paths
from runbook_operator.core.field_paths import FieldError
from runbook_operator.core.model_base import ApiModel, Rule
from runbook_operator.core.monitors import AskObject
from runbook_operator.core.references import API_VERSIONS, KINDS, NAMES, Ref
from runbook_operator.core.target_kinds import TargetRefs
from runbook_operator.sources.number_parsing import quantity
from runbook_operator.sources.source_base import Found, NoNumberError, Number, Source, UnreadableSpecError

HIDDEN = "a number cannot be read from a Secret"


class ObjectNumberSpec(ApiModel):
    """The object and the field to read."""

    api_version: Annotated[str, Field(min_length=1, max_length=128, pattern=API_VERSIONS)] = Field(
        description="API group and version, as in the object itself: autoscaling/v2."
    )
    kind: Annotated[str, Field(min_length=1, max_length=63, pattern=KINDS)] = Field(
        description="The object's kind: HorizontalPodAutoscaler."
    )
    name: Annotated[str, Field(min_length=1, max_length=253, pattern=NAMES)] = Field(description="The object's name.")
    field: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        description="Path of the field: status.currentReplicas, status.conditions[type=Ready].status, "
        "metadata.annotations[example.com/depth]. True and False count as 1 and 0, 500m as 0.5 and 2Gi as 2147483648."
    )

    cel_rules: ClassVar[tuple[Rule, ...]] = (Rule("self.kind != 'Secret'", HIDDEN),)

    @model_validator(mode="after")
    def _is_no_secret(self) -> "ObjectNumberSpec":
        if self.kind == "Secret":
            raise ValueError(HIDDEN)
        return self


class ObjectNumber(Source):
    """Reads a number from a field of an object in the Runbook's namespace; this needs permission to get the object."""

    kind = "object"
    Spec = ObjectNumberSpec

    @staticmethod
    def request(spec: ObjectNumberSpec, namespace: str, target: TargetRefs) -> AskObject:  # noqa: ARG004 # the base signature
        try:
            field_paths.parse(spec.field)
        except FieldError as error:
            raise UnreadableSpecError("field", str(error)) from None
        return AskObject(Ref(spec.api_version, spec.kind, namespace, spec.name))

    @staticmethod
    def number(spec: ObjectNumberSpec, found: Found) -> Number:
        try:
            held = field_paths.get(found.what.body, spec.field)
        except FieldError:
            raise NoNumberError("FieldUnreadable", f"{found.what.ref} has no single value at {spec.field}") from None
        if held is None:
            raise NoNumberError("FieldNotFound", f"{found.what.ref} has nothing at {spec.field}")
        value = quantity(held)
        if value is None:
            raise NoNumberError("NotANumber", f"{found.what.ref} has no number at {spec.field}")
        return Number(value)
