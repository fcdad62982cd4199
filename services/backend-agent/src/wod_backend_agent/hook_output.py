"""What a hook prints: its end is kept, however much there is."""

import asyncio
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

from wod_backend_agent.masking import masked

KEPT_BYTES = 64 * 1024
#: Kept beside those, so that a secret that the beginning cuts in two does not show by its second half.
MARGIN_BYTES = 8 * 1024
CHUNK_BYTES = 64 * 1024
SHOWN_LINES = 20
SHOWN_CHARACTERS = 4_000
#: For the end of the output after all of the hook's processes have been ended.
DRAIN_SECONDS = 2.0


class OutputTail:
    """Takes the output as it comes, so that a hook never waits for its reader."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._is_cut = False
        self._ended = asyncio.Event()
        self._reading = -1

    @contextmanager
    def pipe(self) -> Iterator[int]:
        """The end to write to, for the program that is started in the block; to be followed by ``close``."""
        self._reading, writing = os.pipe()
        os.set_blocking(self._reading, False)
        asyncio.get_running_loop().add_reader(self._reading, self._read)
        started = False
        try:
            yield writing
            started = True
        finally:
            os.close(writing)
            if not started:
                self._stop()

    async def close(self) -> None:
        """Reads to the end; gives up on a process that holds the pipe and could not be ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._ended.wait()
        self._stop()

    def _read(self) -> None:
        with suppress(BlockingIOError):
            data = os.read(self._reading, CHUNK_BYTES)
            self._take(data)
            if not data:
                asyncio.get_running_loop().remove_reader(self._reading)
                self._ended.set()

    def _take(self, data: bytes) -> None:
        self._kept += data
        if (surplus := len(self._kept) - KEPT_BYTES - MARGIN_BYTES) > 0:
            del self._kept[:surplus]
            self._is_cut = True

    def _stop(self) -> None:
        asyncio.get_running_loop().remove_reader(self._reading)
        os.close(self._reading)

    def text(self, secrets: Collection[str]) -> str:
        text = masked(self._kept.decode("utf-8", "replace").replace("\0", "\ufffd"), secrets)
        return f"(the beginning is left out)\n{text[MARGIN_BYTES:]}" if self._is_cut else text


def last_lines(output: str) -> str:
    """For the end of an error's sentence."""
    lines = output.rstrip().splitlines()[-SHOWN_LINES:]
    shown = "\n".join(lines)[-SHOWN_CHARACTERS:]
    return f"; the last it printed:\n{shown}" if shown else "; it printed nothing"
