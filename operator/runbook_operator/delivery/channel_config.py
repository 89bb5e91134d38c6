"""Read the administrator's channels file, and the files that it names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from runbook_operator.core.durations import duration
from runbook_operator.core.severities import Severity
from runbook_operator.notifiers import REGISTRY, Notifier
from runbook_operator.notifiers.notifier_base import ChannelSpec, Config, UnreadableSpecError
from runbook_operator.runtime.watched_files import (
    FileError,
    Files,
    authorities,
    field_text,
    first_error,
    mapping,
    named,
    token,
)

NAMES = "a name is what Runbooks can write: a to z, 0 to 9 and -, 63 characters at most"
SUFFIX = "_file"


@dataclass(frozen=True)
class Channel:
    """One channel as configured. The repr shows no secret."""

    name: str
    kind: str
    config: Config

    @property
    def notifier(self) -> type[Notifier]:
        return REGISTRY[self.kind]

    @property
    def spec(self) -> ChannelSpec:
        found: ChannelSpec = self.config.spec
        return found

    @property
    def seconds(self) -> float:
        return duration(self.spec.timeout).total_seconds()

    @property
    def per_minute(self) -> int:
        return self.spec.per_minute or self.notifier.per_minute

    def serves(self, namespace: str) -> bool:
        return self.spec.namespaces is None or namespace in self.spec.namespaces

    def takes(self, severity: Severity) -> bool:
        return self.spec.severities is None or severity in self.spec.severities


@dataclass(frozen=True)
class Found:
    """The valid channels, and for each invalid one a sentence about its error, which begins with the field."""

    channels: Mapping[str, Channel]
    problems: Mapping[str, str]


def read(path: Path, files: Files) -> Found:
    """Read the channels of the file at this path; raises FileError if the file is not a map of channels."""
    files.begin()
    channels: dict[str, Channel] = {}
    problems: dict[str, str] = {}
    for name, entry in mapping(files.text(path)).items():
        try:
            channels[named(name, NAMES)] = _channel(name, entry, path.parent, files)
        except ValidationError as error:
            problems[str(name)] = first_error(error, "there is no such field")
        except (FileError, UnreadableSpecError) as error:
            problems[str(name)] = str(error)
    return Found(channels, problems)


def missing_fallbacks(channels: Mapping[str, Channel]) -> Iterator[tuple[str, str]]:
    """Yield the name of each channel whose fallback does not exist, and a sentence about it."""
    for name, channel in channels.items():
        fallback = channel.spec.fallback
        if fallback and fallback not in channels:
            yield name, f"fallback: no channel is called {fallback}"


def _channel(name: str, entry: Any, folder: Path, files: Files) -> Channel:
    if not isinstance(entry, Mapping):
        raise FileError("it is not a map with a kind")
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in REGISTRY:
        raise FileError(f"kind: it is none of {', '.join(sorted(REGISTRY))}")
    spec = REGISTRY[kind].Spec.model_validate({key: value for key, value in entry.items() if key != "kind"})
    config = Config(spec, dict(_secrets(files, folder, spec)))
    REGISTRY[kind].check(config)
    return Channel(name, kind, config)


def _secrets(files: Files, folder: Path, spec: ChannelSpec) -> Iterator[tuple[str, str]]:
    """Yield the name and the content of each file of a channel; a relative path begins at `folder`."""
    for name, value in spec:
        if name.endswith(SUFFIX) and value is not None:
            shown = type(spec).model_fields[name].alias or name
            content = field_text(files, folder / value, shown)
            if name == "ca_file":
                content = authorities(content, f"caFile: {folder / value} holds no certificate in PEM")
            elif name == "token_file":
                content = token(content, f"tokenFile: {folder / value} is more than one word in visible ASCII")
            yield name.removesuffix(SUFFIX), content
