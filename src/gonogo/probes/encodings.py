"""Bodies that come encoded, taken apart within a bound: a few hundred bytes may stand for many gigabytes."""

import zlib
from collections.abc import Iterator

ASKED_FOR = "gzip, deflate"
"""What requests accept. Clients of the field accept these at least, and a gateway must not go wrong over them."""
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_PIECE = 1 << 16


class Decoder:
    """Takes one body apart, piece by piece; no piece that it gives is longer than `_PIECE` bytes."""

    def __init__(self, encoding: str) -> None:
        """Begin a body of that ``content-encoding``.

        Raises:
            ValueError: nobody asked for it.
        """
        named = encoding.strip().lower()
        if named not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise ValueError(f"it is encoded as {encoding!r}, which was not asked for")
        self._bits = 0 if named in {"", "identity"} else _ZLIB if named == "deflate" else _GZIP
        self._inflating = zlib.decompressobj(self._bits) if self._bits else None
        self._has_begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the next bytes stand for.

        Raises:
            ValueError: they are not of that encoding.
        """
        if self._inflating is None:
            yield data
            return
        while data:
            piece, data = self._inflated(data)
            if piece:
                yield piece

    def _inflated(self, data: bytes) -> tuple[bytes, bytes]:
        """A piece, and what is left to be read."""
        assert self._inflating is not None
        if self._inflating.eof:  # another member (RFC 1952, section 2.2)
            self._inflating = zlib.decompressobj(self._bits)
        try:
            piece = self._inflating.decompress(data, _PIECE)
        except zlib.error as error:
            if self._has_begun or self._bits != _ZLIB:
                raise ValueError(f"its encoding is broken: {error}") from error
            self._bits = _RAW  # many mean deflate without zlib's frame (RFC 9110, section 8.4.1.2)
            self._inflating = zlib.decompressobj(self._bits)
            return self._inflated(data)
        finally:
            self._has_begun = True
        return piece, self._inflating.unconsumed_tail or self._inflating.unused_data
