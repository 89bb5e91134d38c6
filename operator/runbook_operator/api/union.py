"""A union whose member's name is its kind: `{scale: {...}}`, built from the registry of actions."""

from typing import TYPE_CHECKING, Any

from pydantic import Field, create_model, model_validator

from runbook_operator.actions import REGISTRY, Action
from runbook_operator.actions.base import ActionSpec
from runbook_operator.model.base import ApiModel, Rule


class OneAction(ApiModel):
    """One thing that the switch does; exactly one member is set, and its name says which."""

    @model_validator(mode="after")
    def _exactly_one(self) -> "OneAction":
        if sum(getattr(self, kind) is not None for kind in type(self).model_fields) != 1:
            raise ValueError(f"set exactly one of {', '.join(sorted(REGISTRY))}")
        return self

    @property
    def kind(self) -> str:
        return next(kind for kind in type(self).model_fields if getattr(self, kind) is not None)

    @property
    def action(self) -> type[Action]:
        return REGISTRY[self.kind]

    @property
    def spec(self) -> ActionSpec:
        spec: ActionSpec = getattr(self, self.kind)
        return spec


def action_union(registry: dict[str, type[Action]]) -> type[OneAction]:
    """The union of every registered action, with the CEL rule that exactly one is given."""
    members: dict[str, Any] = {
        kind: (action.Spec | None, Field(None, description=action.__doc__)) for kind, action in sorted(registry.items())
    }
    present = ", ".join(f"has(self.{kind})" for kind in sorted(registry))
    rule = Rule(f"[{present}].filter(x, x).size() == 1", f"set exactly one action: {', '.join(sorted(registry))}")
    base = type("OneAction", (OneAction,), {"cel_rules": (rule,), "__doc__": OneAction.__doc__})
    return create_model("SwitchAction", __base__=base, __doc__=OneAction.__doc__, **members)


if TYPE_CHECKING:
    SwitchAction = OneAction
else:
    SwitchAction = action_union(REGISTRY)
