"""A real SMTP server with STARTTLS on the loopback, which writes each mail to a file: `python -m tools.mailbox FOLDER`.

It prints its port in one line and ends on SIGTERM. FOLDER gets `ca.pem`, the authority of its certificate, and
`mails.jsonl`, one line for each mail.
"""

import asyncio
import json
import signal
import ssl
import sys
import time
from email import message_from_bytes, policy
from pathlib import Path

import trustme
from aiosmtpd.smtp import SMTP, Envelope, Session

LOOPBACK = "127.0.0.2"
"""Not 127.0.0.1: the API server of the lab has that address, and no channel may connect to it."""


class Mailbox:
    """Accepts every mail; `at` in the file is seconds of the monotonic clock."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 # aiosmtpd's
        del server, session
        content = envelope.content
        mail = message_from_bytes(content if isinstance(content, bytes) else b"", policy=policy.default)
        body = mail.get_body(("plain",))
        entry = {
            "at": time.monotonic(),
            "to": envelope.rcpt_tos,
            "subject": str(mail["Subject"]),
            "text": body.get_content() if body else "",
        }
        with self._path.open("a") as file:
            file.write(json.dumps(entry) + "\n")
        return "250 OK"


async def serve(folder: Path) -> None:
    """Serve until SIGTERM."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    tls = _context(authority)
    mails = folder / "mails.jsonl"
    mails.write_text("")
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(
        lambda: SMTP(Mailbox(mails), hostname=LOOPBACK, tls_context=tls, require_starttls=True, loop=loop), LOOPBACK, 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()
    server.close()


def _context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(LOOPBACK).configure_cert(context)
    return context


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
