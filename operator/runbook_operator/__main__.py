"""The command line: `runbook-operator run`, `crds`, `rbac`, `channels`, `postmortem`, `check` and `uninstall`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, get_args

import yaml
from pydantic import ValidationError
from pydantic_settings import NoDecode

from runbook_operator import __version__
from runbook_operator.api.crd_generation import crd
from runbook_operator.api.rbac_generation import people, roles
from runbook_operator.api.registered_kinds import RESOURCE_KINDS
from runbook_operator.cli.wait_ready import problem
from runbook_operator.core.references import GROUP
from runbook_operator.kube import errors
from runbook_operator.runtime.lazy_imports import lazily
from runbook_operator.settings import LISTS, Settings

if TYPE_CHECKING:
    from runbook_operator.cli.uninstall import Mode

DESCRIPTION = (
    "A Kubernetes operator that executes a runbook: a kill switch holds what it sets, and a release restores it."
)
KUBERNETES = (
    *("config", "dynamic", "informer", "leaderelection", "stream", "utils", "watch"),
    *("aio.client.models", "aio.dynamic", "aio.leaderelection", "aio.stream", "aio.utils", "aio.watch"),
)
UNUSED = ("jsonpatch", *(f"kubernetes.{module}" for module in KUBERNETES))
"""Modules that kopf and the client import but never use. They load at first use, which saves 15 MB."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status: 0 done, 1 a check failed, 2 wrong arguments or settings."""
    arguments = vars(_parser().parse_args(argv))
    command = arguments.pop("command") or "run"
    if command == "crds":
        return _crds(arguments["directory"])
    if command == "rbac":
        print("---\n".join(map(_yaml, people() if arguments["people"] else roles())), end="")
        return 0
    if command in ("channels", "postmortem"):
        return _channels(arguments) if command == "channels" else _postmortem(arguments)
    if command == "check":
        return _check(arguments["url"], arguments["seconds"])
    way, seconds = arguments.pop("way", None), arguments.pop("within", 0.0)
    try:
        settings = Settings(**arguments)
    except ValidationError as error:
        print(_complaint(error), file=sys.stderr)
        return 2
    return _uninstall(settings, way, seconds) if way else _run(settings)


def _run(settings: Settings) -> int:
    try:
        asyncio.run(_root().run(settings))
    except errors.CannotListenError as error:
        print(f"runbook-operator: {error}", file=sys.stderr)
        return 2
    return 0


def _root() -> ModuleType:
    # Imported here because the other commands need no cluster client, and its import takes a second.
    with lazily(*UNUSED):
        from runbook_operator.cli import run as root  # noqa: PLC0415

    return root


def _uninstall(settings: Settings, way: "Mode", seconds: float) -> int:
    from runbook_operator.cli import uninstall  # noqa: PLC0415 # imports the client, see _root

    return uninstall.report(asyncio.run(uninstall.run(settings, way, seconds)), way)


def _channels(arguments: dict[str, Any]) -> int:
    from runbook_operator.cli import channels  # noqa: PLC0415 # imports the client, see _root

    verb, name, namespace = (arguments.pop(one, "") for one in ("verb", "name", "as_namespace"))
    try:
        settings = Settings(**arguments)
    except ValidationError as error:
        print(_complaint(error), file=sys.stderr)
        return 2
    if verb == "list":
        lines, status = channels.list_all(settings)
    else:
        lines, status = asyncio.run(channels.send_test(settings, name, namespace))
    print("\n".join(lines))
    return status


def _postmortem(arguments: dict[str, Any]) -> int:
    from runbook_operator.cli import postmortem_command  # noqa: PLC0415 # imports the client, see _root

    name, namespace = arguments.pop("incident"), arguments.pop("of_namespace")
    try:
        settings = Settings(**arguments)
    except ValidationError as error:
        print(_complaint(error), file=sys.stderr)
        return 2
    document, wrong = asyncio.run(postmortem_command.document(settings, name, namespace))
    print(wrong or document, file=sys.stderr if wrong else sys.stdout, end="\n" if wrong else "")
    return 1 if wrong else 0


def _check(url: str, seconds: float) -> int:
    wrong = problem(url, seconds)
    print(wrong or f"{url}: ok", file=sys.stderr if wrong else sys.stdout)
    return 1 if wrong else 0


def _crds(directory: Path | None) -> int:
    documents = {f"{GROUP}_{kind.plural}.yaml": _yaml(crd(kind)) for kind in RESOURCE_KINDS.values()}
    if directory is None:
        print("---\n".join(documents.values()), end="")
        return 0
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in documents.items():
        (directory / name).write_text(text)
    return 0


def _yaml(document: dict[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=110, allow_unicode=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="runbook-operator", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"runbook-operator {__version__}")
    _add_settings(parser)
    commands = parser.add_subparsers(dest="command", title="commands", description="run is the default")
    _add_settings(commands.add_parser("run", help="run the operator against the cluster of the current kubeconfig"))
    crds = commands.add_parser("crds", help="print the CustomResourceDefinitions as YAML")
    rbac = commands.add_parser("rbac", help="print the ClusterRoles as YAML: a base, and others to opt in to")
    rbac.add_argument("--people", action="store_true", help="print those for people instead, for view, edit and admin")
    check = commands.add_parser("check", help="ask an operator's URL, such as its /readyz, until it answers 200")
    check.add_argument("url", metavar="URL")
    check.add_argument("--seconds", type=float, default=30.0, help="seconds to wait for the answer 200; default: 30")
    _add_uninstall(
        commands.add_parser(
            "uninstall",
            help="release all switches and remove the finalizers; the chart runs it before helm uninstall",
        )
    )
    _add_channels(commands.add_parser("channels", help="list the channels for messages, or send a test message"))
    _add_postmortem(commands.add_parser("postmortem", help="print the post-mortem of an Incident as Markdown"))
    crds.add_argument("--directory", type=Path, help="write one file per kind there instead")
    return parser


def _add_channels(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, title="commands")
    _add_settings(verbs.add_parser("list", help="print the channels of the file, and what is wrong with it"))
    test = verbs.add_parser("test", help="send one test message through a channel, and print what happened")
    test.add_argument("name", metavar="NAME")
    test.add_argument("--as-namespace", default="", help="send it as for the Runbooks of this namespace")
    _add_settings(test)


def _add_postmortem(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("incident", metavar="NAME", help="name of the Incident")
    parser.add_argument(
        "-n", "--namespace", dest="of_namespace", default="", help="its namespace; default: that of the kubeconfig"
    )


def _add_uninstall(parser: argparse.ArgumentParser) -> None:
    ways = {
        "release": "release every switch and restore what it holds",
        "refuse": "fail if a switch holds something",
        "forget": "remove the finalizers and restore nothing; run it after the operator has stopped",
    }
    parser.add_argument("way", choices=ways, help="; ".join(f"{way}: {what}" for way, what in ways.items()))
    parser.add_argument("--within", type=float, default=240.0, help="time limit in seconds; default: 240")
    _add_settings(parser)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    for name, field in Settings.model_fields.items():
        add = partial(parser.add_argument, _flag(name), dest=name, default=argparse.SUPPRESS)
        text = f"{field.description} Environment: {_variable(name)}."
        if NoDecode in field.metadata:
            add(action="append", metavar="LIST", help=f"{text} {LISTS}, or by repeating the flag.")
        else:
            default = "" if field.default_factory else f" Default: {_shown(field.default)}."
            add(metavar=_values(field.annotation), help=text + default)


def _flag(name: str) -> str:
    """Return the flag of a setting: `--namespace` takes one at a time, as kubectl's does."""
    return "--namespace" if name == "namespaces" else f"--{name.replace('_', '-')}"


def _variable(name: str) -> str:
    return f"RUNBOOK_{name.upper()}"


def _shown(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default) or "none"


def _values(annotation: Any) -> str:
    """Return the placeholder for the flag's values in the help."""
    return (
        "{true,false}"
        if annotation is bool
        else f"{{{','.join(words)}}}"
        if (words := get_args(annotation))
        else "VALUE"
    )


def _complaint(error: ValidationError) -> str:
    found = ((str(one["loc"][0]), one["msg"].removeprefix("Value error, ")) for one in error.errors())
    return "settings: " + "; ".join(f"{_flag(name)} or {_variable(name)}: {message}" for name, message in found)


if __name__ == "__main__":
    sys.exit(main())
