"""A visit that repeats one step, and the message on its object."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from runbook_operator.api.switch import SwitchStatus
from runbook_operator.cache.store import Store
from runbook_operator.controller.own_object_writer import OwnObjectWriter
from runbook_operator.controller.settling import Settling
from runbook_operator.core.references import Ref
from runbook_operator.kube import errors
from runbook_operator.reconcile.steps import WriteStatus
from runbook_operator.switches.repeated_steps import REPEATS
from tests.builders import switch

KEY = Ref("runbooks.dev/v1alpha1", "Switch", "shop", "shop-stop")
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


async def repeated(**rest: Any) -> str:
    """The message of a visit that asks for one write again and again, of an object that is gone meanwhile."""
    reader = SimpleNamespace(store=Store())
    step = WriteStatus(switch().meta, SwitchStatus(), ())
    settling = Settling(cast("OwnObjectWriter", SimpleNamespace(reader=reader)), lambda: NOW, **rest)
    settling.begin(KEY)
    for _ in range(REPEATS - 1):
        await settling.takes(KEY, "tell", step)
    with pytest.raises(errors.UnsettledError) as raised:
        await settling.takes(KEY, "tell", step)
    assert settling.of(KEY) in str(raised.value)
    return settling.of(KEY)


async def test_repeated_write_names_the_rule_and_the_step() -> None:
    assert "repeated one step 8 times: write the status" in await repeated()


async def test_repeated_write_dropped_by_the_api_server_names_the_crd() -> None:
    said = await repeated(cause=lambda kind: f"the CRD of {kind} lacks status.title")

    assert said == "the CRD of Switch lacks status.title"
