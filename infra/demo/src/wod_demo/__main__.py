"""``python -m wod_demo``: runs the platform until Ctrl-C. ``python -m wod_demo clean``: forgets it."""

import asyncio
import json
import signal
import sys
from contextlib import suppress

from wod_demo.console import Screen
from wod_demo.postgres import PostgresFailed
from wod_demo.services import ADMIN
from wod_demo.settings import DemoSettings, SettingsWrong
from wod_demo.stack import Stack, StartFailed
from wod_demo.state import FolderRefused, State

EXPECTED = (SettingsWrong, FolderRefused, PostgresFailed, StartFailed)


def main() -> int:
    try:
        settings = DemoSettings.from_environment()
        if sys.argv[1:] == ["clean"]:
            State(settings.directory).clean()
            return 0
        return asyncio.run(_run(Stack(settings, screen := Screen()), screen))
    except EXPECTED as error:
        sys.stderr.write(f"demo: {error}\n")
        return 1


async def _run(stack: Stack, screen: Screen) -> int:
    stopping = _listen_for_signals(stack)
    starting = asyncio.create_task(_start(stack, screen))
    stop = asyncio.create_task(stopping.wait())
    follower: asyncio.Task[None] | None = None
    try:
        await asyncio.wait({starting, stop}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            follower = asyncio.create_task(screen.follow(stack.state.logs))
            _greet(stack, screen)
        await stop
    finally:
        for task in (starting, follower, stop):
            await _cancel(task)
        await stack.stop()
    return 0


async def _start(stack: Stack, screen: Screen) -> None:
    screen.start()
    try:
        await stack.start()
    finally:
        screen.settle()


async def _cancel(task: asyncio.Task[object] | asyncio.Task[None] | None) -> None:
    if task is not None and not task.done():
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _listen_for_signals(stack: Stack) -> asyncio.Event:
    stopping = asyncio.Event()

    def asked() -> None:
        if stopping.is_set():
            stack.supervisor.hurry.set()
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, asked)
    return stopping


def _greet(stack: Stack, screen: Screen) -> None:
    urls, ports = stack.urls, stack.settings.ports
    admin = stack.state.admin
    lines = [
        "",
        f"  Workshops    {urls['portal']}",
        f"  Mail         {urls['mailbox']}",
        f"  JupyterHub   {urls['hub']}",
        f"  API          {urls['api']}/docs",
        f"  Mail gate    127.0.0.1 port {ports.mailgate} (SMTP)",
        "",
        f"  Administrator {ADMIN}, password in {admin}",
    ]
    if stack.first_start:
        password = json.loads(admin.read_text())["password"]
        lines[-1] = f"  Administrator {ADMIN}, password {password} (shown once; kept in {admin})"
    lines += [
        "",
        f"  {_isolation(stack.isolated)}",
        "  Ctrl-C stops all; the next start continues where this one was.",
        "",
    ]
    screen.console.print("\n".join(lines), soft_wrap=True)


def _isolation(isolated: bool) -> str:
    if isolated:
        return "Students are isolated: each one's server runs under a uid of its own."
    return (
        "Students are NOT isolated from each other: all run under your uid. For uids of their own, start as root, "
        "with Python and this folder where other users can reach them."
    )


if __name__ == "__main__":
    sys.exit(main())
