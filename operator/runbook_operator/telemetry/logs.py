"""Configure logging: one line per event, as JSON or for a console, with the engagement's id if there is one."""

import logging
import sys
import traceback
from typing import Literal

import structlog

Format = Literal["json", "console"]
FRAMES = 15
LINES = 60
LONGEST_LINE = 500


def set_up(form: Format, level: str) -> None:
    """Route the operator's and the libraries' log records through one renderer to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=_tail(form), foreign_pre_chain=shared))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.getLogger("kopf").setLevel(logging.WARNING)
    # It warns that it does not handle signals in its thread, which is intended: the main loop handles them.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


def _tail(form: Format) -> list[structlog.typing.Processor]:
    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    failures = structlog.processors.ExceptionRenderer(_traceback)
    if form == "json":
        return [clean, failures, structlog.processors.JSONRenderer()]
    # The renderer's own tracebacks would show local variables, which contain objects of other tenants.
    plain = structlog.dev.plain_traceback
    return [clean, failures, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


def _traceback(exc_info: structlog.typing.ExcInfo) -> str:
    """Format a traceback without local variables, cut to LINES lines of LONGEST_LINE: messages may quote objects."""
    lines = "".join(traceback.format_exception(*exc_info, limit=-FRAMES)).splitlines()
    if len(lines) > LINES:
        lines = [*lines[: LINES // 2], "…", *lines[-LINES // 2 :]]
    return "\n".join(line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…" for line in lines)
