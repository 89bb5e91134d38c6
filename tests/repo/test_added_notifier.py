"""A notifier is added in one file: the command line, the schema of the chart and delivery know it from then on."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTIFIER = '''"""gotify: a server of Gotify."""

from datetime import datetime

from runbook_operator.notifiers.json_body import post
from runbook_operator.notifiers.message import Message
from runbook_operator.notifiers.notifier_base import Config, Notifier, Request, UrlSpec


class Gotify(Notifier):
    """Posts to a server of Gotify."""

    kind = "gotify"
    Spec = UrlSpec

    @staticmethod
    def render(message: Message, config: Config, now: datetime) -> Request:
        return post(config, {"title": message.headline, "message": message.summary})
'''
SCHEMA = """
import json
from tools.chart.schema import schema
from tools.chart.values import values_model
print(json.dumps(schema(values_model())["properties"]["channels"]))
"""


@pytest.fixture
def added(tmp_path: Path) -> Path:
    """A copy of the operator with one more file."""
    shutil.copytree(ROOT / "operator" / "runbook_operator", tmp_path / "runbook_operator")
    (tmp_path / "runbook_operator" / "notifiers" / "gotify.py").write_text(NOTIFIER)
    (tmp_path / "channels.yaml").write_text("phone: {kind: gotify, url: https://gotify.example.com/message}")
    return tmp_path


def python(folder: Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, text=True, capture_output=True, check=True
    )
    return done.stdout


def test_channel_of_a_notifier_in_one_added_file_is_configured(added: Path) -> None:
    listed = python(added, "-m", "runbook_operator", "channels", "list", "--channels", "channels.yaml")

    assert listed.splitlines()[1].split() == ["phone", "gotify", "all", "all", "30", "-"]


def test_chart_accepts_a_channel_of_a_notifier_in_one_added_file(added: Path) -> None:
    schema = json.loads(python(added, "-c", SCHEMA))
    kinds = [
        one["properties"]["kind"]["const"] for one in schema["properties"]["entries"]["additionalProperties"]["anyOf"]
    ]

    assert "gotify" in kinds
