"""A chat server that writes into its first token when it wrote it: what the generator is calibrated on.

Prints its port and ends when its standard input does. Uses nothing but the standard library, so that it starts at once.
"""

import asyncio
import json
import sys
import time

_CHUNK_S = 0.002
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def _chunk(text: str) -> bytes:
    event = f"data: {json.dumps({'choices': [{'delta': {'content': text}}]})}\n\n"
    return f"{len(event):x}\r\n{event}\r\n".encode()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))[15:])
            chunks = json.loads(await reader.readexactly(length))["max_tokens"]
            writer.write(_HEAD)
            for number in range(chunks):
                await asyncio.sleep(_CHUNK_S)
                # the monotonic clock is the machine's, so that the generator's is the same
                writer.write(_chunk("x " if number else f"{time.monotonic() * 1000:.3f} "))
            end = "data: [DONE]\n\n"
            writer.write(f"{len(end):x}\r\n{end}\r\n0\r\n\r\n".encode())
    except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
        pass  # the generator has what it wanted
    finally:
        writer.close()


async def _main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main())
