"""Every setting as its help describes it: as a flag of each command that takes it, and as a variable."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from runbook_operator import __main__ as command_line
from runbook_operator.settings import LISTS as LISTS_HELP
from runbook_operator.settings import Settings

FIELDS = Settings.model_fields
LISTS = {
    "namespaces": ("shop", "pay-1"),
    "allowed_actions": ("scale", "restart"),
    "allowed_urls": ("https://a.example.com/health/*", "http://b.example.com/"),
    "allowed_networks": ("127.0.0.1/32", "::1/128"),
}
WORDS = {"http_host": "::1", "lease_namespace": "ops", "lease_name": "other", "metric_sources": "/etc/sources.yaml"}
WORDS |= {"helm_release": "ops", "audit_file": "/var/log/audit.json", "identity": "replica-1"}
WORDS |= {"channels": "/etc/channels.yaml"}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "settings.md"


def flag(name: str) -> str:
    return "--namespace" if name == "namespaces" else f"--{name.replace('_', '-')}"


def variable(name: str) -> str:
    return f"RUNBOOK_{name.upper()}"


def examples(name: str, field: FieldInfo) -> list[str]:
    """Values that the help offers: each word of a choice, both of a switch, another number than the default."""
    if name in WORDS:
        return [WORDS[name]]
    if field.annotation is bool:
        return ["true", "false"]
    return list(get_args(field.annotation)) or [str(field.default + 1)]


SINGLE = [(name, value) for name, field in FIELDS.items() if name not in LISTS for value in examples(name, field)]
FORMS = [
    (name, form)
    for name, (first, second) in LISTS.items()
    for form in ([first], [f"{first},{second}"], [f"{first}, {second}"], [f'["{first}","{second}"]'], [first, second])
]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What the commands begin with; none of them goes on from there."""
    found: list[Settings] = []

    def keep(settings: Settings, *_: object) -> int:
        found.append(settings)
        return 0

    monkeypatch.setattr(command_line, "_run", keep)
    monkeypatch.setattr(command_line, "_uninstall", keep)
    return found


def started(settings: list[Settings], *arguments: str) -> Settings:
    assert command_line.main(arguments) == 0
    return settings.pop()


def expected(name: str, text: str) -> Any:
    annotation: Any = FIELDS[name].annotation
    return TypeAdapter(annotation).validate_strings(text)


@pytest.mark.parametrize(("name", "text"), SINGLE)
def test_setting_is_read_from_its_flag_and_variable(
    name: str, text: str, settings: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [flag(name), text]
    by_flag = [started(settings, *given, "run"), started(settings, "run", *given), started(settings, *given)]
    by_flag.append(started(settings, "uninstall", "release", *given))
    monkeypatch.setenv(variable(name), text)

    found = [getattr(one, name) for one in (*by_flag, started(settings, "run"))]

    assert found == [expected(name, text)] * 5


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_list_setting_is_read_in_each_documented_form(
    name: str, form: list[str], settings: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = [part for one in form for part in (flag(name), one)]
    by_flag = [started(settings, *flags), started(settings, "run", *flags)]
    if len(form) == 1:
        monkeypatch.setenv(variable(name), form[0])
        by_flag.append(started(settings))
    whole = Settings.model_validate({name: LISTS[name][: max(len(form), 1 + form[0].count(LISTS[name][1]))]})

    assert [getattr(one, name) for one in by_flag] == [getattr(whole, name)] * len(by_flag)


def test_flag_overrides_its_variable(settings: list[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOK_NAMESPACES", "shop")

    assert started(settings, "--namespace", "pay").namespaces == ("pay",)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *((name, "many") for name, field in FIELDS.items() if field.annotation in (int, float)),
        *((name, "-1") for name, field in FIELDS.items() if field.annotation in (int, float)),
        *((name, "maybe") for name, field in FIELDS.items() if field.annotation is bool),
        *((name, "many") for name in ("log_format", "log_level")),
        *((name, text) for name in LISTS for text in ("", " ", '["a"', "[1,2]", "Not_A_Name/")),
        *(("namespaces", text) for text in ("a" * 64, "-a", "a.b", '["a","B"]', "a/b")),
        ("lease_namespace", "a.b"),
    ],
)
def test_unreadable_value_exits_with_2_and_names_flag_and_variable(
    name: str, text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command_line.main(["run", f"{flag(name)}={text}"]) == 2
    by_flag = capsys.readouterr().err
    monkeypatch.setenv(variable(name), text)
    assert command_line.main(["run"]) == 2

    assert f"{flag(name)} or {variable(name)}: " in by_flag
    assert by_flag == capsys.readouterr().err


@pytest.mark.parametrize("command", [(), ("run",), ("uninstall", "release")])
def test_help_shows_each_flag_with_description_variable_and_default(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "10000")
    with pytest.raises(SystemExit):
        command_line.main([*command, "--help"])
    text = " ".join(capsys.readouterr().out.split())

    for name, field in FIELDS.items():
        how = f" {LISTS_HELP}, or by repeating the flag." if name in LISTS else f" Default: {shown(field)}."
        described = f"{field.description} Environment: {variable(name)}.{'' if name == 'identity' else how}"
        assert re.search(rf"{flag(name)} \S+ {re.escape(described)}", text), name


def test_settings_page_has_each_setting_with_description_and_default() -> None:
    rows = dict(re.findall(r"^\| `(RUNBOOK_\w+)` \| (.+) \|$", PAGE.read_text(), re.MULTILINE))
    assert sorted(rows) == sorted(map(variable, FIELDS))

    for name, field in FIELDS.items():
        default, meaning = rows[variable(name)].split(" | ")
        plain = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", meaning).replace("`", "")
        assert plain.startswith((field.description or "").split(";")[0].removesuffix(".")), name
        assert name in (*LISTS, "identity") or default.strip("`") == shown(field), name


def shown(field: FieldInfo) -> str:
    return str(field.default).lower() if isinstance(field.default, bool) else str(field.default) or "none"
