"""http: a number in the JSON response of an HTTP server."""

from typing import Annotated

from pydantic import Field

from runbook_operator.core.model_base import ApiModel
from runbook_operator.core.target_kinds import TargetRefs
from runbook_operator.sources import json_path
from runbook_operator.sources.number_parsing import plain
from runbook_operator.sources.source_base import Found, NoNumberError, Number, Source, UnreadableSpecError


class HttpNumberSpec(ApiModel):
    """Location of the number in the JSON response."""

    json_path: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^\$")] = Field(
        description="JSONPath (RFC 9535) of the number: $.queues[?@.name == 'mails'].depth. If it matches several "
        "numbers, the worst one counts; true and false count as 1 and 0."
    )


class HttpNumber(Source):
    """Reads a number from the JSON response to a GET of a Service, or of a URL that the administrator allows."""

    kind = "http"
    Spec = HttpNumberSpec
    over_http = True

    @staticmethod
    def request(spec: HttpNumberSpec, namespace: str, target: TargetRefs) -> None:  # noqa: ARG004 # the base signature
        try:
            json_path.check(spec.json_path)
        except json_path.JsonPathError as error:
            raise UnreadableSpecError("jsonPath", str(error)) from None

    @staticmethod
    def number(spec: HttpNumberSpec, found: Found) -> Number:
        values = json_path.values(spec.json_path, found.what)
        numbers = [(number, place) for place, one in enumerate(values, 1) if (number := plain(one)) is not None]
        if not values:
            raise NoNumberError("NoMatch", f"the response has nothing at {spec.json_path}")
        if not numbers:
            raise NoNumberError("NotANumber", f"the response has no number at {spec.json_path}")
        # The first of equal values, so that the message is stable.
        value, place = (max if found.worst == "high" else min)(numbers, key=lambda one: one[0])
        return Number(value, f"value {place} of {len(values)}" if len(values) > 1 else "")
