"""The command line, without a cluster."""

from pathlib import Path
from typing import Any

import pytest

from runbook_operator import __version__
from runbook_operator.__main__ import main
from runbook_operator.core.url_policy import parse
from runbook_operator.settings import Settings


def test_version_and_help_list_commands_and_variables(capsys: pytest.CaptureFixture[str]) -> None:
    for flag in ("--version", "--help"):
        with pytest.raises(SystemExit) as ended:
            main([flag])
        assert ended.value.code == 0
    said = capsys.readouterr().out

    assert f"runbook-operator {__version__}" in said
    assert "RUNBOOK_LEASE_SECONDS" in said
    assert "print the CustomResourceDefinitions" in said


def test_crds_are_printed_or_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["crds"]) == 0
    assert main(["crds", "--directory", str(tmp_path / "crds")]) == 0

    assert capsys.readouterr().out.count("kind: CustomResourceDefinition") == 3
    assert sorted(path.name for path in (tmp_path / "crds").iterdir()) == [
        "runbooks.dev_incidents.yaml",
        "runbooks.dev_runbooks.yaml",
        "runbooks.dev_switches.yaml",
    ]


def test_roles_of_operator_and_people_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rbac"]) == 0
    of_operator = capsys.readouterr().out
    assert main(["rbac", "--people"]) == 0
    of_people = capsys.readouterr().out

    assert "name: runbook-operator-impersonation" in of_operator
    assert "switch-operator" not in of_operator
    assert of_people.count("kind: ClusterRole") == 4


def test_allowed_urls_and_networks_are_read_from_variables_and_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOK_ALLOWED_URLS", '["https://*.example.com/health/*"]')
    flags: dict[str, Any] = {"allowed_urls": '["http://a.example.com/"]', "allowed_networks": '["::1/128"]'}
    by_variable, by_flag = Settings(), Settings(**flags)

    assert [one.matches(parse("https://eu.example.com/health/live")) for one in by_variable.allowed_urls] == [True]
    assert [one.matches(parse("http://a.example.com/")) for one in by_flag.allowed_urls] == [True]
    assert [str(one) for one in by_flag.allowed_networks] == ["::1/128"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('["https://example.com/"', "it begins like a JSON list and is not"),
        ("example.com/health", "a pattern must be"),
        ('["ftp://example.com/"]', "a URL must begin with http:// or https://"),
        ('["https://*/"]', "a * in the host of a pattern must be one whole label between dots, and not the last label"),
        ("[1]", "1 in the list must be a text in quotes"),
    ],
)
def test_unreadable_url_pattern_is_named(value: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--allowed-urls", value]) == 2

    message = capsys.readouterr().err
    assert "RUNBOOK_ALLOWED_URLS" in message
    assert said in message
