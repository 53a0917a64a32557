"""Two pseudo terminals joined back to back, as a null modem cable joins two serial ports."""

import asyncio
import contextlib
import os
import tty
from collections.abc import AsyncGenerator, Callable

_PIECE_MAX = 4096


@contextlib.asynccontextmanager
async def serial_pair(
    *, echo: bool = False, damage: Callable[[bytes], bytes] = bytes
) -> AsyncGenerator[tuple[str, str], None]:
    """The names of both ends. With `echo` the first end hears what it sends, as behind a two-wire adapter.

    `damage` is applied to every piece on its way to the first end.
    """
    loop = asyncio.get_running_loop()
    (left, left_end), (right, right_end) = os.openpty(), os.openpty()
    for end in (left_end, right_end):
        tty.setraw(end)
    for far in (left, right):
        os.set_blocking(far, False)

    def carry(source: int, sinks: tuple[int, ...]) -> None:
        with contextlib.suppress(BlockingIOError):
            piece = os.read(source, _PIECE_MAX)
            piece = damage(piece) if source == right else piece
            for sink in sinks:
                with contextlib.suppress(BlockingIOError):
                    os.write(sink, piece)

    loop.add_reader(left, carry, left, (left, right) if echo else (right,))
    loop.add_reader(right, carry, right, (left,))
    try:
        yield os.ttyname(left_end), os.ttyname(right_end)
    finally:
        loop.remove_reader(left)
        loop.remove_reader(right)
        for descriptor in (left, left_end, right, right_end):
            os.close(descriptor)
