"""A slower API server: every byte for it is handed on so many milliseconds later; what it says comes at once.

So each request takes that much longer, and each handshake as often as it goes to and fro. TLS passes as it is.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

CHUNK = 2**16


async def serve(host: str, port: int, seconds: float) -> None:
    """Say the port on a line, and hand on for ever."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, down = await asyncio.open_connection(host, port)
        try:
            await asyncio.gather(handed_on(reader, down, seconds), handed_on(upstream, writer, 0))
        except OSError:
            return
        finally:
            writer.close()
            down.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def handed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """All that is read, each part so many seconds after it came, however much came meanwhile."""
    loop, parts = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes]]()

    async def take() -> None:
        with suppress(ConnectionError):
            while part := await reader.read(CHUNK):
                parts.put_nowait((loop.time() + seconds, part))
        parts.put_nowait((loop.time() + seconds, b""))

    taking = asyncio.create_task(take())
    try:
        while True:
            due, part = await parts.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not part:
                writer.write_eof() if writer.can_write_eof() else writer.close()
                return
            writer.write(part)
            await writer.drain()
    finally:
        taking.cancel()


@contextmanager
def slowed(server: str, milliseconds: float) -> Iterator[str]:
    """The address of the API server with that much in front of it, by a process of its own."""
    url = urlsplit(server)
    command = [sys.executable, __file__, url.hostname or "localhost", str(url.port or 443), str(milliseconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout  # noqa: S101 # it is a pipe
            yield f"https://localhost:{int(process.stdout.readline())}"
        finally:
            process.terminate()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) / 1000))
