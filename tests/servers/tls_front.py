"""A TLS front whose certificate and manners can be changed while it runs: ``python -m tests.servers.tls_front FOLDER --tls N --plain M --upstream H:P``.

``FOLDER/mode`` says how it is: ``good``, ``expiring``, ``other-host``, ``stranger`` (of an authority that nobody knows),
``old`` (TLS 1.1 is spoken as well), ``plain`` (plain HTTP is served instead of being redirected), ``led-astray`` (plain HTTP
is redirected to plain HTTP), ``patient`` (a request that never ends is waited for), ``few`` (the same, and eight connections at
most are served at once).
"""

import argparse
import asyncio
import ssl
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

HOST = "localhost"
HEAD_WITHIN_S = 1.5
_LONGEST_HEAD = 4 << 20


def make_certificates(folder: Path) -> Path:
    """Certificates for each mode; the file of the authority that clients are to trust."""
    ours, stranger = trustme.CA(), trustme.CA()
    soon = datetime.now(UTC) + timedelta(days=5)
    made = {
        "good": ours.issue_cert(HOST),
        "expiring": ours.issue_cert(HOST, not_after=soon),
        "other-host": ours.issue_cert("other.example"),
        "stranger": stranger.issue_cert(HOST),
    }
    for name, certificate in made.items():
        certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / f"{name}.pem"))
    ours.cert_pem.write_to_path(str(folder / "authority.pem"))
    (folder / "mode").write_text("good")
    return folder / "authority.pem"


class Front:
    """Terminates TLS, and passes bytes on."""

    def __init__(self, folder: Path, tls_port: int, upstream: str) -> None:
        self._folder, self._tls_port, self._upstream = folder, tls_port, upstream
        self._few = asyncio.Semaphore(8)
        names = ("good", "expiring", "other-host", "stranger")
        self._contexts = {name: self._context(name) for name in names} | {"old": self._context("good", old=True)}

    @property
    def mode(self) -> str:
        return (self._folder / "mode").read_text().strip()

    def _context(self, name: str, *, old: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if old:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.load_cert_chain(self._folder / f"{name}.pem")
        return context

    async def secure(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection over TLS: the context is that of the moment."""
        try:
            await writer.start_tls(self._contexts.get(self.mode, self._contexts["good"]))
            async with self._few if self.mode == "few" else nullcontext():
                await self._serve(reader, writer)
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError, TimeoutError):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        patience_s = None if self.mode in {"few", "patient"} else HEAD_WITHIN_S
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), patience_s)
        host, _, port = self._upstream.partition(":")
        above, below = await asyncio.open_connection(host, int(port))
        below.write(head)
        await asyncio.gather(_pass_on(reader, below), _pass_on(above, writer))

    async def plain(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection without TLS: it is led away."""
        await reader.readuntil(b"\r\n\r\n")
        to = f"http://{HOST}:{self._tls_port}/" if self.mode == "led-astray" else f"https://{HOST}:{self._tls_port}/"
        head = "200 OK\r\n" if self.mode == "plain" else f"308 Permanent Redirect\r\nlocation: {to}\r\n"
        writer.write(f"HTTP/1.1 {head}content-length: 0\r\nconnection: close\r\n\r\n".encode())
        writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, ssl.SSLError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    with suppress(OSError, ssl.SSLError):
        writer.close()


async def _serve(folder: Path, tls_port: int, plain_port: int, upstream: str) -> None:
    front = Front(folder, tls_port, upstream)
    servers = [
        await asyncio.start_server(front.secure, "127.0.0.1", tls_port, limit=_LONGEST_HEAD),
        await asyncio.start_server(front.plain, "127.0.0.1", plain_port),
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


def main() -> None:
    """Serve until it is ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.tls_front", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tls", type=int, required=True)
    parser.add_argument("--plain", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    given = parser.parse_args()
    asyncio.run(_serve(given.folder, given.tls, given.plain, given.upstream))


if __name__ == "__main__":
    main()
