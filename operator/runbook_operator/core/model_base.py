"""Base classes of the API models."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


@dataclass(frozen=True)
class Rule:
    """A CEL rule that the API server checks at `kubectl apply`, and the message if it fails.

    `named` is a CEL expression for a message with names in it; if it fails, `message` is shown.
    """

    rule: str
    message: str
    named: str = ""

    def as_schema(self) -> dict[str, str]:
        """Return the rule as an entry of x-kubernetes-validations."""
        named = {"messageExpression": self.named} if self.named else {}
        return {"rule": self.rule, "message": self.message} | named


class Replaceable(BaseModel):
    """A model that is changed by copying it."""

    def replace(self, **changes: Any) -> Self:
        """Return a copy with these fields changed, as `dataclasses.replace`; raise TypeError for an unknown field.

        mypy checks names and types of the changes: tools/mypy_replace.py.
        """
        unknown = changes.keys() - type(self).model_fields.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        return self.model_copy(update=changes)


class ApiModel(Replaceable):
    """A part of a spec: camelCase in JSON, immutable here, an unknown field is an error."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")
    cel_rules: ClassVar[tuple[Rule, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema: dict[str, Any] = handler(core)
        if cls.cel_rules:
            rules = [rule.as_schema() for rule in cls.cel_rules]
            handler.resolve_ref_schema(schema)["x-kubernetes-validations"] = rules
        return schema


class StatusModel(Replaceable):
    """A part of a status: as a spec, but a field that a newer operator wrote is ignored, and kept in the object."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")
