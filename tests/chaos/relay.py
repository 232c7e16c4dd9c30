"""
A TCP relay that takes its time: C{python -m tests.chaos.relay}, with the seconds that everything
takes in each direction, and C{port=host:port} for each place that it leads to.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import StreamReader, StreamWriter
from functools import partial

_CHUNK = 64 * 1024
_MOST = 256


async def _pump(delay: float, reader: StreamReader, writer: StreamWriter) -> None:
    """Pass on what comes, in order, each chunk C{delay} seconds after it came."""
    clock = asyncio.get_running_loop()
    under: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_MOST)

    async def take() -> None:
        data = b"x"
        while data:
            try:
                data = await reader.read(_CHUNK)
            except OSError:
                data = b""
            await under.put((clock.time() + delay, data))

    taking = asyncio.create_task(take())
    try:
        while True:
            due, data = await under.get()
            await asyncio.sleep(max(0.0, due - clock.time()))
            if not data:
                break
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # It is closed, which the other direction learns too.
    finally:
        taking.cancel()
        writer.close()


async def _relay(
    delay: float, host: str, port: int, reader: StreamReader, writer: StreamWriter
) -> None:
    try:
        there, back = await asyncio.open_connection(host, port)
    except OSError:
        writer.close()
        return
    await asyncio.gather(_pump(delay, reader, back), _pump(delay, there, writer))


async def _serve(delay: float, places: list[str]) -> None:
    for place in places:
        port, _, target = place.partition("=")
        host, _, targetPort = target.rpartition(":")
        await asyncio.start_server(partial(_relay, delay, host, int(targetPort)), None, int(port))
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]), sys.argv[2:]))
