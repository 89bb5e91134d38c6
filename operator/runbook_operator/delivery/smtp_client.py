"""Send a mail by SMTP over a connection that the guard allows, always with TLS.

The socket is connected to a checked address, so the library resolves no name. No message repeats an answer of the
server.
"""

import asyncio
import socket
import ssl
from collections.abc import Sequence

import aiosmtplib

from runbook_operator.core.ip_policy import IPAddress
from runbook_operator.delivery import channel_egress
from runbook_operator.egress.egress_guard import SENTENCES, EgressError, Guard, Tls, failure
from runbook_operator.notifiers.notifier_base import Delivered, GiveUp, Judgement, Mail, Retry

GREETING = "runbook-operator"
"""The name in EHLO; the library's default would look up the machine's own name."""
LASTING = 500
"""Reply codes from 500 on are final; after a lower one the server may accept the same mail later."""


async def send(guard: Guard, mail: Mail, tls: Tls, seconds: float) -> Judgement:
    """Send the mail once, within `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            addresses = await guard.addresses(mail.host, seconds)
            return await _deliver(await _connected(addresses, mail.port), mail, tls.context())
    except TimeoutError:
        return Retry("the mail server did not answer in time")
    except EgressError as error:
        return (GiveUp if error.fault in channel_egress.FINAL else Retry)(SENTENCES[error.fault])
    except OSError as error:
        return Retry(SENTENCES[failure(error).fault])


async def _connected(addresses: Sequence[IPAddress], port: int) -> socket.socket:
    """Return a socket that is connected to the first address that accepts the connection."""
    failed: OSError = ConnectionRefusedError()
    for address in addresses:
        made = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6)  # noqa: PLR2004 # IP's own versions
        made.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(made, (str(address), port))
        except OSError as error:
            made.close()
            failed = error
        except asyncio.CancelledError:
            made.close()
            raise
        else:
            return made
    raise failed


async def _deliver(connection: socket.socket, mail: Mail, context: ssl.SSLContext) -> Judgement:
    user, password = mail.user or (None, None)
    client = aiosmtplib.SMTP(
        sock=connection,
        hostname=mail.host,
        local_hostname=GREETING,
        use_tls=not mail.start_tls,
        start_tls=mail.start_tls,
        tls_context=context,
        username=user,
        password=password,
        timeout=None,
    )
    try:
        await client.connect()
        # If the server refuses only some recipients, this raises nothing: a retry would send to the others again.
        await client.sendmail(mail.sender, list(mail.recipients), mail.content)
    except aiosmtplib.SMTPException as error:
        return _judged(error)
    finally:
        # Not quit(): once the server has answered the mail, a slow answer to QUIT must not make the attempt time out.
        _abort(client, connection)
    return Delivered()


def _abort(client: aiosmtplib.SMTP, connection: socket.socket) -> None:
    if isinstance(client.transport, asyncio.WriteTransport):
        client.transport.abort()
    else:
        connection.close()


def _judged(error: aiosmtplib.SMTPException) -> Judgement:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        codes = [one.code for one in error.recipients]
        return _by_code(min(codes), "refused every recipient")
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return _by_code(error.code, "refused the name or the password")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _by_code(error.code, "refused the mail")
    if isinstance(error, ConnectionError | TimeoutError):
        cause = error.__cause__
        tls = isinstance(cause, ssl.SSLError)
        return Retry("TLS with the mail server failed" if tls else "the mail server closed the connection")
    return GiveUp("the mail server does not offer what the channel needs, such as STARTTLS or a login")


def _by_code(code: int, what: str) -> Judgement:
    why = f"the mail server {what} with {code}"
    return GiveUp(why) if code >= LASTING else Retry(why)
