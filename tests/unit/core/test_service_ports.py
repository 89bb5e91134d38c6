"""Ports as people write them."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from runbook_operator.core.service_ports import Port

PORT: TypeAdapter[str] = TypeAdapter(Port)


@pytest.mark.parametrize(("written", "meant"), [("http", "http"), ("8080", "8080"), (8080, "8080"), (1, "1"), ("", "")])
def test_port_name_and_number_are_accepted(written: Any, meant: str) -> None:
    assert PORT.validate_python(written) == meant


@pytest.mark.parametrize("written", [0, -1, 65536, True, 80.5, None, "x" * 64])
def test_invalid_port_is_refused(written: Any) -> None:
    with pytest.raises(ValidationError):
        PORT.validate_python(written)
