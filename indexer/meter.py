"""How much of the sources has been read, for whoever waits."""

import io
from typing import IO, cast

_BUFFER = 128 * 1024


class Meter:
    """Counts bytes as they come from disk: those of a compressed file before decompression."""

    def __init__(self) -> None:
        self.read = 0

    def counted(self, raw: io.FileIO) -> IO[bytes]:
        """A buffered stream over `raw` that counts; closing it closes `raw`."""
        return cast("IO[bytes]", io.BufferedReader(_Counted(raw, self), _BUFFER))


class _Counted(io.RawIOBase):
    """A raw file whose reads are counted."""

    def __init__(self, raw: io.FileIO, meter: Meter) -> None:
        self._raw = raw
        self._meter = meter

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]  # always bytes
        n = self._raw.readinto(buffer)
        self._meter.read += n
        return n

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._raw.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def close(self) -> None:
        self._raw.close()
        super().close()
