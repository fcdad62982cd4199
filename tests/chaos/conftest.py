"""One platform for all the trouble, with workshops and seats of its own."""

import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from chaos_kit import SEATS, Chaos, make_content
from visitor import Platform

from wod_demo.settings import DemoSettings
from wod_demo.stack import Stack

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def chaos_folder() -> Iterator[Path]:
    """pytest's own folders are closed to the students' uids."""
    folder = Path(tempfile.mkdtemp(prefix="wod-chaos-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
async def chaos(chaos_folder: Path) -> AsyncIterator[Chaos]:
    make_content(chaos_folder / "content", ROOT / "notebooks" / "WKSHP-Jupyter101")
    stack = Stack(DemoSettings(chaos_folder / "demo", notebooks=(chaos_folder / "content",), seats=SEATS))
    await stack.start()
    running = Chaos(Platform(stack))
    yield running
    await running.platform.close()
    await stack.stop()
    _print_table(running)


def _print_table(chaos: Chaos) -> None:
    """Seen with ``pytest -s``."""
    lines = [f"{row.what:<70} {row.seconds:6.1f} s {row.copies:3} x" for row in chaos.recoveries]
    sys.stdout.write("\n".join(["", "From the registration to the credentials:", *lines, ""]))
