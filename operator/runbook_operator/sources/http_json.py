"""http: a number in the JSON that an HTTP server answers."""

from typing import Annotated

from pydantic import Field

from runbook_operator.core.model_base import ApiModel
from runbook_operator.core.target_kinds import TargetRefs
from runbook_operator.sources import json_path
from runbook_operator.sources.number_parsing import plain
from runbook_operator.sources.source_base import Found, NoNumberError, Number, Source, UnfitError


class HttpNumberSpec(ApiModel):
    """Where in the JSON it stands."""

    json_path: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^\$")] = Field(
        description="JSONPath, as RFC 9535 has it: $.queues[?@.name == 'mails'].depth. Of several numbers the worst "
        "one counts; true and false count as 1 and 0."
    )


class HttpNumber(Source):
    """A number in the JSON that a Service, or a URL within the administrator's patterns, answers to a GET."""

    kind = "http"
    Spec = HttpNumberSpec
    over_http = True

    @staticmethod
    def request(spec: HttpNumberSpec, namespace: str, target: TargetRefs) -> None:  # noqa: ARG004 # declared beside
        try:
            json_path.check(spec.json_path)
        except json_path.JsonPathError as error:
            raise UnfitError("jsonPath", str(error)) from None

    @staticmethod
    def number(spec: HttpNumberSpec, found: Found) -> Number:
        values = json_path.values(spec.json_path, found.what)
        numbers = [(number, place) for place, one in enumerate(values, 1) if (number := plain(one)) is not None]
        if not values:
            raise NoNumberError("NoMatch", f"the answer has nothing at {spec.json_path}")
        if not numbers:
            raise NoNumberError("NotANumber", f"the answer has no number at {spec.json_path}")
        # The first of equals, so that always the same one is named.
        value, place = (max if found.worst == "high" else min)(numbers, key=lambda one: one[0])
        return Number(value, f"value {place} of {len(values)}" if len(values) > 1 else "")
