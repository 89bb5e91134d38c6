"""The union of all registered actions, in which a field's name is the action's kind: `{scale: {...}}`."""

from typing import TYPE_CHECKING, Any

from pydantic import Field, create_model, model_validator

from runbook_operator.actions import REGISTRY, Action
from runbook_operator.core.durations import Duration
from runbook_operator.core.model_base import ApiModel, Rule


class OneAction(ApiModel):
    """One action of the switch. Exactly one action field is set; its name is the kind of the action."""

    timeout: Duration = Field(
        "1m",
        description="Time that the action may fail, lack verification or miss its target before the switch is Stalled.",
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> "OneAction":
        if len(self._given()) != 1:
            raise ValueError(f"set exactly one of {', '.join(sorted(REGISTRY))}")
        return self

    @property
    def kind(self) -> str:
        return self._given()[0]

    def _given(self) -> list[str]:
        return [kind for kind in REGISTRY if getattr(self, kind, None) is not None]

    @property
    def action(self) -> type[Action]:
        return REGISTRY[self.kind]

    @property
    def spec(self) -> ApiModel:
        spec: ApiModel = getattr(self, self.kind)
        return spec

    @property
    def target(self) -> str | None:
        """Name of the target that the action needs, None if it needs none."""
        return getattr(self.spec, "target", None)

    @property
    def contact(self) -> str | None:
        """Name of the contact that the action notifies, None if it notifies none."""
        return getattr(self.spec, "contact", None)


def action_union(registry: dict[str, type[Action]]) -> type[OneAction]:
    """Make the union of all registered actions, with the CEL rule that exactly one is set.

    A field has the same name on the wire and in Python: the kind is camelCase already.
    """
    members: dict[str, Any] = {
        kind: (action.Spec | None, Field(None, alias=kind, description=action.__doc__))
        for kind, action in sorted(registry.items())
    }
    present = ", ".join(f"has(self.{kind})" for kind in sorted(registry))
    rule = Rule(f"[{present}].filter(x, x).size() == 1", f"set exactly one action: {', '.join(sorted(registry))}")
    base = type("OneAction", (OneAction,), {"cel_rules": (rule,), "__doc__": OneAction.__doc__})
    return create_model("SwitchAction", __base__=base, __doc__=OneAction.__doc__, **members)


if TYPE_CHECKING:
    SwitchAction = OneAction
else:
    SwitchAction = action_union(REGISTRY)
