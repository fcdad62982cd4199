"""Runs a workshop's own scripts around a command: found in the trees, limited in time, ended with all they have started."""

import asyncio
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import psutil

from wod_backend_agent.content import workshop_of
from wod_backend_agent.delivery.base import RUN_MARKER, Seat
from wod_backend_agent.hook_output import OutputTail, last_lines
from wod_backend_agent.hook_tokens import WrongTokens, read_tokens
from wod_backend_agent.journal_rows import HookResult
from wod_backend_agent.processes import end_runs
from wod_backend_agent.trees import Hook, Trees

#: Where a ``create`` hook writes what the templates shall know, as lines ``NAME=value``.
TOKENS_FILE = "WODTOKENS"
_PASSED_ON = ("HOME", "LANG", "PATH")


class HookFailed(Exception):
    """The message is for the operator, and the secrets that the hook was given are masked in it."""


@dataclass(frozen=True)
class HookCall:
    """What a hook is run for. ``workshop`` is as asked, ``CHLG-`` or ``WKSHP-``; ``last`` is that of a range."""

    kind: str
    run: UUID
    seat: Seat
    workshop: str
    password: str = field(repr=False)
    target: str | None = None
    last: int | None = None
    #: what it is not given and may come to know all the same; masked like what it is given
    secrets: Collection[str] = field(default=(), repr=False)


KeepResult = Callable[[UUID, HookResult], Awaitable[None]]


class Hooks:
    """``folder`` is the agent's own, mode 0700; what is handed over there is gone when the hook has ended. ``most`` run at a
    time.
    """

    def __init__(
        self, trees: Trees, folder: Path, api_url: str, limit_seconds: float, keep: KeepResult, most: int
    ) -> None:
        self._trees = trees
        self._folder = folder
        self._api_url = api_url
        self._limit = limit_seconds
        self._keep = keep
        #: more commands are at work than there are cores
        self._places = asyncio.Semaphore(most)

    def found(self, kind: str, workshop: str) -> bool:
        return bool(self._trees.hooks(kind, workshop))

    async def run(self, call: HookCall) -> dict[str, str]:
        """The public hook and after it the private one; the tokens that they have handed over. Raises HookFailed.

        Cancelling ends every process of the hook before it returns.
        """
        tokens: dict[str, str] = {}
        for hook in self._trees.hooks(call.kind, call.workshop):
            async with self._places:
                tokens |= await self._run_one(hook, call, tokens)
        return tokens

    async def _run_one(self, hook: Hook, call: HookCall, known: Mapping[str, str]) -> dict[str, str]:
        if not os.access(hook.path, os.X_OK):
            raise HookFailed(f"{hook} cannot be run: make it executable (chmod +x)")
        folder = self._folder / str(call.run)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        try:
            return await self._watched(hook, call, folder / "tokens", known)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _watched(self, hook: Hook, call: HookCall, handed: Path, known: Mapping[str, str]) -> dict[str, str]:
        environment = self._environment(call)
        if call.kind == "create":
            environment[TOKENS_FILE] = _empty_file(handed)
        began = asyncio.get_running_loop().time()
        tail = OutputTail()
        try:
            ended = await _end_of(hook.path, environment, tail, self._limit)
        except OSError as error:
            raise HookFailed(
                f"{hook} cannot be started: {error.strerror}; does its first line name a program?"
            ) from None
        finally:
            await end_runs([call.run])
        seconds = asyncio.get_running_loop().time() - began
        tokens, fault = _handed_over(handed)
        output = tail.text([call.password, *call.secrets, *known.values(), *tokens.values()])
        await self._keep(call.run, HookResult(hook=str(hook), ended=ended, seconds=seconds, output=output))
        if ended != "exit 0":
            raise HookFailed(f"{hook} {self._said(ended)}{last_lines(output)}")
        if fault:
            raise HookFailed(f"{hook} handed over what is no variable: {fault}")
        return tokens

    def _said(self, ended: str) -> str:
        return f"was ended after {self._limit:g} s" if ended == "limit" else f"ended with {ended}"

    def _environment(self, call: HookCall) -> dict[str, str]:
        """Nothing of the agent's own environment but what any program needs."""
        target = {"WODRTARGET": call.target} if call.target else {}
        last = {"stdidlast": str(call.last)} if call.last else {}
        workshop = str(workshop_of(call.workshop))
        return {
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            RUN_MARKER: str(call.run),
            "stdid": str(call.seat.number),
            "stddir": str(call.seat.home),
            "w": call.workshop,
            "ws": workshop,
            "wid": workshop,
            "randompw": call.password,
            "WODAPIDBEXTURL": self._api_url,
            **last,
            **target,
        }


async def _end_of(program: Path, environment: Mapping[str, str], tail: OutputTail, limit: float) -> str:
    """How it ended. A pipe of our own: what a child in the background keeps open must not be waited for."""
    with tail.pipe() as writing:
        process = await asyncio.create_subprocess_exec(
            str(program),
            cwd=program.parent,
            env=dict(environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
            start_new_session=True,
        )
    try:
        return await _waited_for(process, limit)
    finally:
        _end_with_children(process)
        await process.wait()
        await tail.close()


def _end_with_children(process: asyncio.subprocess.Process) -> None:
    """Its session, and while it lives also those of its children that have left it and carry no marker."""
    children: list[psutil.Process] = []
    if process.returncode is None:
        with suppress(psutil.Error):
            children = psutil.Process(process.pid).children(recursive=True)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for child in children:
        with suppress(psutil.Error):
            child.kill()


async def _waited_for(process: asyncio.subprocess.Process, limit: float) -> str:
    try:
        async with asyncio.timeout(limit):
            status = await process.wait()
    except TimeoutError:
        return "limit"
    return f"exit {status}" if status >= 0 else f"signal {-status}"


def _empty_file(path: Path) -> str:
    path.touch(0o600)
    return str(path)


def _handed_over(path: Path) -> tuple[dict[str, str], str]:
    """The tokens, also of a hook that has failed: they are masked in what it has printed; and what is wrong with them."""
    try:
        return read_tokens(path), ""
    except WrongTokens as error:
        return error.secrets, str(error)
