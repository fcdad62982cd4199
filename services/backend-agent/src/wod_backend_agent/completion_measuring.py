"""How far a student is, while he works: out of a home that lies on this machine, or through the delivery."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from wod_backend_agent.delivery.base import Delivery, DeliveryFailed, Seat

#: A home on a slow disk is read within this time, or not in this round.
SECONDS = 60.0
#: The child prints a number of at most three digits, or null.
LONGEST_ANSWER = 16


class Measuring:
    """``delivered`` holds for each seat which cells were delivered already run, as the delivery has noted them."""

    def __init__(self, delivery: Delivery, delivered: Path) -> None:
        self._delivery = delivery
        self._delivered = delivered

    async def measure(self, seat: Seat, workshop: str) -> int | None:
        """Per cent of the code cells that were run; None where there are none. Raises DeliveryFailed."""
        if not await asyncio.to_thread(_is_here, seat):
            return await self._delivery.measure(uuid4(), seat, workshop)
        try:
            async with asyncio.timeout(SECONDS):
                return await _measured_here(seat, workshop, self._delivered / f"{seat.username}.json")
        except TimeoutError:
            raise DeliveryFailed(f"{seat.home} was not measured within {SECONDS:.0f} s") from None
        except (OSError, ValueError) as error:
            raise DeliveryFailed(f"{seat.home} cannot be measured: {error}") from error


def _is_here(seat: Seat) -> bool:
    """Whether the home is on this machine and, where seats have accounts, the seat's own."""
    try:
        found = seat.home.stat(follow_symlinks=False)
    except OSError:
        return False
    return seat.uid is None or found.st_uid == seat.uid


async def _measured_here(seat: Seat, workshop: str, delivered: Path) -> int | None:
    """Without Ansible, which takes a second of a core. Raises OSError, TimeoutError and ValueError."""
    uid = "" if seat.uid is None else str(seat.uid)
    results = _opened(delivered)
    try:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "wod_backend_agent.completion_child", str(seat.home), workshop, uid),
            stdin=results,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
        )
    finally:
        os.close(results)
    return _percent(*await _answer(child))


async def _answer(child: asyncio.subprocess.Process) -> tuple[bytes, int]:
    assert child.stdout is not None
    try:
        answer = await child.stdout.read(LONGEST_ANSWER)
        return answer, await child.wait()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


def _percent(answer: bytes, status: int) -> int | None:
    """Raises ValueError."""
    if status:
        raise ValueError(f"its notebooks could not be read within bounds: exit {status}")
    percent = json.loads(answer)
    if percent is None or (isinstance(percent, int) and 0 <= percent <= 100):
        return percent
    raise ValueError("its measurement is no percentage")


def _opened(delivered: Path) -> int:
    """None are delivered already run to a seat that has no such file."""
    try:
        return os.open(delivered, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
