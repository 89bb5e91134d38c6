"""The API server made slower, without an API server."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from bench.slow import slowed

MILLISECONDS = 50


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[int]:
    handling = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handling.append(asyncio.current_task())
        with contextlib.suppress(ConnectionError):
            while part := await reader.read(100):
                writer.write(part)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*(one for one in handling if one))


async def test_slowed_proxy_delays_each_request_once() -> None:
    async with echo() as port:
        with slowed(f"https://127.0.0.1:{port}", MILLISECONDS) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(server.rpartition(":")[2]))
            began = time.monotonic()
            for number in range(10):
                writer.write(b"%d" % number)
                await asyncio.sleep(0.002)
            answered = await reader.readexactly(10)
            took = time.monotonic() - began
            writer.close()
            await writer.wait_closed()

    assert answered == b"0123456789"
    assert MILLISECONDS / 1000 <= took < 5 * MILLISECONDS / 1000


async def test_slowed_proxy_closes_both_directions() -> None:
    async with echo() as port:
        with slowed(f"https://127.0.0.1:{port}", 1) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(server.rpartition(":")[2]))
            writer.write(b"last")
            writer.write_eof()
            answered = await reader.read()
            writer.close()
            await writer.wait_closed()

    assert answered == b"last"
