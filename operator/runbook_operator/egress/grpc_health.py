"""One call of grpc.health.v1.Health/Check, as bytes in and bytes out.

It uses h2 instead of grpcio: 2 MiB and 0.6 ms a check instead of 17 MiB and 1.4 ms. The guard can pin the address of
its socket, and it can skip the verification of a certificate, which grpcio cannot.
"""

from collections.abc import Mapping

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import H2Error

from runbook_operator.core.references import USER_AGENT
from runbook_operator.egress.egress_guard import EgressError, Fault, Verdict

PREFIX = 5
"""Bytes before a gRPC message: one that is set if it is compressed, and four of its length."""
HEALTH: Mapping[int, Verdict] = {
    0: (None, "Unknown"),
    1: (True, "Serving"),
    2: (False, "NotServing"),
    3: (None, "ServiceUnknown"),
}
CODES: Mapping[int, Verdict] = {
    1: (False, "Cancelled"),
    4: (False, "DeadlineExceeded"),
    5: (None, "ServiceUnknown"),
    7: (None, "PermissionDenied"),
    8: (False, "ResourceExhausted"),
    12: (None, "Unimplemented"),
    13: (False, "Internal"),
    14: (False, "Unavailable"),
    16: (None, "Unauthenticated"),
}
"""Verdict per gRPC status code. A server that lacks the service, or refuses the call, has unknown health."""
OTHER_CODE = (False, "Failed")
SETTINGS = b"\x04"
"""Type of the first frame of every HTTP/2 server. h2 takes any other text for a long frame and waits for its end."""


class Call:
    """State of one call of Health/Check."""

    def __init__(self, scheme: str, authority: str, service: str, seconds: float) -> None:
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._request = {
            ":method": "POST",
            ":scheme": scheme,
            ":path": "/grpc.health.v1.Health/Check",
            ":authority": authority,
            "te": "trailers",
            "content-type": "application/grpc",
            "user-agent": USER_AGENT,
            "grpc-timeout": f"{max(1, int(seconds * 1000))}m",
        }
        self._message = _framed(service.encode(errors="replace"))
        self._headers: dict[bytes, bytes] = {}
        self._body = b""
        self._start = b""
        self.ended = False

    def begin(self) -> bytes:
        self._h2.initiate_connection()
        self._h2.send_headers(1, list(self._request.items()))
        self._h2.send_data(1, self._message, end_stream=True)
        return self._h2.data_to_send()

    def feed(self, data: bytes) -> bytes:
        """Process received bytes; return the bytes to send in response. Raises EgressError."""
        self._start += data[: 4 - len(self._start)]
        if self._start[3:] not in (b"", SETTINGS):
            raise EgressError(Fault.GARBLED)
        try:
            for event in self._h2.receive_data(data):
                self._take(event)
        except H2Error as error:
            raise EgressError(Fault.GARBLED) from error
        if self.ended:
            self._h2.close_connection()
        return self._h2.data_to_send()

    def _take(self, event: events.Event) -> None:
        if isinstance(event, events.ResponseReceived | events.TrailersReceived):
            self._headers |= dict(event.headers)
        elif isinstance(event, events.DataReceived):
            self._body += event.data
        elif isinstance(event, events.StreamEnded):
            self.ended = True
        elif isinstance(event, events.StreamReset | events.ConnectionTerminated) and not self.ended:
            raise EgressError(Fault.CLOSED)

    def verdict(self) -> Verdict:
        code = self._headers.get(b"grpc-status", b"")
        kind = self._headers.get(b"content-type", b"")
        if self._headers.get(b":status") != b"200" or not kind.startswith(b"application/grpc") or not code.isdigit():
            raise EgressError(Fault.GARBLED)
        return CODES.get(int(code), OTHER_CODE) if int(code) else HEALTH.get(_health(self._body), HEALTH[0])


def _framed(name: bytes) -> bytes:
    """Encode a HealthCheckRequest, whose only field is the name: number 1, with its length as a varint."""
    length = bytes([len(name)]) if len(name) < 128 else bytes([len(name) & 127 | 128, len(name) >> 7])  # noqa: PLR2004
    message = b"\x0a" + length + name if name else b""
    return b"\0" + len(message).to_bytes(PREFIX - 1, "big") + message


def _health(body: bytes) -> int:
    """Decode the status of a HealthCheckResponse, its field number 1; 0 if absent. Raises EgressError."""
    message = body[PREFIX:]
    if len(body) < PREFIX or body[0] or len(message) != int.from_bytes(body[1:PREFIX], "big"):
        raise EgressError(Fault.GARBLED)
    if message and (message[0] != 8 or len(message) == 1):  # noqa: PLR2004 # the tag of field 1 as a varint
        raise EgressError(Fault.GARBLED)
    return message[1] if message else 0
