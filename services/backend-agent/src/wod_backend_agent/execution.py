"""What each verb does to a seat, step by step."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import replace
from functools import partial

import structlog
from prometheus_client import Histogram
from pydantic import SecretStr

from wod_backend_agent.access import Access, HubAlone
from wod_backend_agent.delivery.base import Delivery, DeliveryFailed, Deployment, Progress, Seat
from wod_backend_agent.hooks import HookCall, HookFailed, Hooks
from wod_backend_agent.hub import Hub, HubUnavailable
from wod_backend_agent.journal import Journal
from wod_backend_agent.passwords import hash_password, new_password
from wod_backend_agent.patience import patiently
from wod_backend_agent.prepared import PreparedSeats
from wod_backend_agent.printed import kept_by
from wod_common.commands import Command, Verb
from wod_common.sealing import CannotOpen, Sealer

log = structlog.get_logger()

COMMAND_SECONDS = Histogram(
    "wod_agent_command_seconds",
    "From the start of a run to its result",
    ["verb", "result"],
    buckets=(0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 120),
)


class Execution:
    """Runs a command from its start, however far an earlier run of it has come."""

    def __init__(  # noqa: PLR0913, PLR0917 - one for each thing that a run works with
        self,
        journal: Journal,
        delivery: Delivery,
        hub: Hub,
        sealer: Sealer,
        seat: Callable[[int], Seat],
        hooks: Hooks,
        prepared: PreparedSeats,
        access: Access | None = None,
    ) -> None:
        self._journal = journal
        self._delivery = delivery
        self._hub = hub
        self._sealer = sealer
        self._seat = seat
        self._hooks = hooks
        self._prepared = prepared
        # a hash fills a core, and runs of Ansible need the others
        self._place_to_hash = asyncio.Semaphore(1)
        self._access = access or HubAlone()
        self._verbs = {
            Verb.CREATE: self._create,
            Verb.CLEANUP: self._measure_and_clean,
            Verb.RESET: self._reset,
            Verb.PURGE: self._clean,
            # emptied with its completion kept: a PURGE after it would find nothing to do
            Verb.DELETE: self._measure_and_clean,
            Verb.PREPARE: self._prepare,
            Verb.VERIFY: self._prepared.verify,
        }

    async def run(self, command: Command, finished: Callable[[], Awaitable[None]]) -> None:
        keep = partial(self._journal.keep_output, command.id)
        with structlog.contextvars.bound_contextvars(trace=command.trace or command.id.hex), kept_by(keep):
            await self._run(command, finished)

    async def _run(self, command: Command, finished: Callable[[], Awaitable[None]]) -> None:
        if not await self._journal.begin(command.id):
            return
        began = time.monotonic()
        try:
            done = await self._verbs[command.verb](command, began)
        except (DeliveryFailed, HookFailed, HubUnavailable, CannotOpen) as error:
            await self._fail(command, str(error), began)
        except Exception as error:  # noqa: BLE001 - the edge of a run: whatever it raises ends this command, not the agent
            await self._break(command, error, began)
        else:
            _observe(command, "done", began)
            log.info("command done", command=str(command.id), verb=command.verb, student=command.student)
            await finished()
            if done and command.verb is Verb.CREATE:
                await self._start_server(command, began)

    async def _break(self, command: Command, error: Exception, began: float) -> None:
        log.error("a run broke", command=str(command.id), verb=command.verb, exc_info=error)
        await self._fail(command, f"the agent broke on this command: {type(error).__name__}; see its log", began)

    async def _fail(self, command: Command, error: str, began: float) -> None:
        _observe(command, "failed", began)
        log.warning("command failed", command=str(command.id), verb=command.verb, error=error)
        await self._journal.fail(command.id, error, time.monotonic() - began)

    async def _create(self, command: Command, began: float) -> bool:
        handed_over = await self._prepared.hand_over(command, began)
        if handed_over is not None:
            return handed_over
        await self._take_back(command, command.student)
        hashed = await self._deploy(command, await self._open(command), began)
        return await self._journal.finish_create(command, hashed, time.monotonic() - began)

    async def _prepare(self, command: Command, began: float) -> bool:
        self._prepared.admit()
        before = await self._journal.prepared(command.student)
        if before is not None and before.command != command.id:
            await self._take_back(command, command.student)
        await self._journal.begin_preparing(command)
        password = await self._open(command)
        # with the seat's own variables, before anything else is read: what changes meanwhile shows at the end
        version = await self._prepared.version(command)
        hashed = await self._deploy(command, password, began)
        return await self._prepared.finish(command, version, hashed, began)

    async def _take_back(self, command: Command, student: int) -> None:
        """What was made ahead in the seat will not be handed over; what its workshop's hook has made is undone."""
        prepared = await self._journal.prepared(student)
        if prepared is None:
            return
        await self._journal.spoil_prepared(student)
        undone = {"student": student, "last": None, "workshop": prepared.workshop}
        await self._hook("cleanup", command.model_copy(update=undone), new_password())
        await self._journal.forget_prepared(student)

    async def _open(self, command: Command) -> str:
        """Nobody is in the seat any more; its new password, which is where the workshop wants it, the hub excepted."""
        self._delivery.admit(command.workshop)
        password = await self._password(command)
        await self._close_to_predecessor(command)
        await self._access.open(command.id, self._seat(command.student), command.workshop, password)
        return password

    async def _deploy(self, command: Command, password: str, began: float) -> str:
        """A lab in the seat; the hash of its password."""
        # on the other core while Ansible starts
        hashing = asyncio.create_task(self._hash(password))
        tokens = await self._hook("create", command, password)
        deployment = Deployment(
            run=command.id,
            seat=self._placed(command),
            workshop=command.workshop,
            registration=command.registration,
            password=SecretStr(password),
            tokens=tokens,
        )

        def progress(step: Progress) -> None:
            self._note(command, step, began)

        await self._delivery.create(deployment, progress)
        await self._hook("post-copy", command, password, tokens.values())
        return await hashing

    async def _hash(self, password: str) -> str:
        async with self._place_to_hash:
            return await asyncio.to_thread(hash_password, password)

    async def _hook(self, kind: str, command: Command, password: str, secrets: Collection[str] = ()) -> dict[str, str]:
        """Runs the workshop's hooks of that kind, if it has any, and returns the tokens they hand over."""
        if not self._hooks.found(kind, command.workshop):
            return {}
        seat = self._placed(command)
        target = await self._delivery.target(command.id, seat, command.workshop)
        call = HookCall(kind, command.id, seat, command.workshop, password, target, command.last, secrets)
        return await self._hooks.run(call)

    def _placed(self, command: Command) -> Seat:
        """The command's seat, in the range that its workshop has here."""
        return replace(self._seat(command.student), first=command.first_seat)

    async def _lock_and_hook(self, kind: str, command: Command) -> None:
        """The hook still finds the homes, and nobody in them; the password that it may set elsewhere is nobody's."""
        if not self._hooks.found(kind, command.workshop):
            return
        for student in command.students:
            await self._journal.close_login(student)
            await self._lock_out(self._seat(student).username)
            await self._access.lock(command.id, self._seat(student))
        await self._hook(kind, command, new_password())

    async def _close_to_predecessor(self, command: Command) -> None:
        """A seat that comes without its cleaning is still open to somebody."""
        student, known = command.student, await self._journal.deployed()
        if student in known or await self._journal.password_hash(student) is not None:
            await self._journal.close_login(student)
            await self._lock_out(self._seat(student).username)
            await self._access.lock(command.id, self._seat(student))

    async def _password(self, command: Command) -> str:
        sealed = await self._journal.sealed_password(command.id)
        if sealed is None:
            raise CannotOpen(f"the journal holds no password for this {command.verb}; send the command anew")
        return self._sealer.open(sealed)

    async def _measure_and_clean(self, command: Command, began: float) -> bool:
        completion = await self._completion(command)
        await self._lock_and_hook("cleanup", command)
        await self._empty(command, command.student)
        return await self._journal.finish_cleaning(command, completion, time.monotonic() - began)

    async def _reset(self, command: Command, began: float) -> bool:
        if not self._hooks.found("reset", command.workshop):
            # not silently: whoever resets a workshop expects more than emptied homes
            log.warning("no reset hook", command=str(command.id), workshop=command.workshop)
            self._note(
                command, Progress("hook", 0, f"{command.workshop} has no reset hook: its seats are emptied"), began
            )
        await self._lock_and_hook("reset", command)
        if command.last is None:
            return await self._clean(command, began)
        count = len(command.students)
        for done, student in enumerate(command.students):
            # the seats that a crash has cut off are emptied again with the others
            step = Progress("reset", 100 * done // count, f"Resetting seat {student} ({done + 1} of {count})")
            self._note(command, step, began)
            await self._empty(command, student)
        return await self._journal.finish_cleaning(command, None, time.monotonic() - began)

    async def _clean(self, command: Command, began: float) -> bool:
        await self._empty(command, command.student)
        return await self._journal.finish_cleaning(command, None, time.monotonic() - began)

    async def _completion(self, command: Command) -> int | None:
        measured, completion = await self._journal.remembered_completion(command.id)
        if measured:
            return completion
        record = await self._journal.seat(command.student)
        if record.holder == command.registration:
            try:
                completion = await self._delivery.measure(command.id, self._seat(command.student), command.workshop)
            except DeliveryFailed as error:
                # a figure for the statistics; the seat is cleaned all the same
                log.warning("completion not measured", command=str(command.id), error=str(error))
        await self._journal.remember_completion(command.id, completion)
        return completion

    async def _empty(self, command: Command, student: int) -> None:
        seat = self._seat(student)
        await self._take_back(command, student)
        await self._journal.close_login(student)
        await self._lock_out(seat.username)
        await self._access.shut(command.id, seat, command.workshop)
        await self._delivery.clean(command.id, seat)
        # a login that was being checked while the password was taken away may have come through
        await self._lock_out(seat.username)

    async def _lock_out(self, username: str) -> None:
        await patiently(lambda: self._hub.stop_server(username))
        await patiently(lambda: self._hub.evict(username))
        # one that was started between the two would write into the emptied home
        await patiently(lambda: self._hub.stop_server(username))

    async def _start_server(self, command: Command, began: float) -> None:
        username = self._seat(command.student).username
        self._note(command, Progress("server", 95, "Your notebook server is starting"), began)
        ready = Progress("server", 100, "Your notebook server will start when you sign in")
        with suppress(HubUnavailable):
            await self._hub.start_server(username)
            ready = Progress("server", 100, "Your notebook server is ready")
        self._note(command, ready, began)

    def _note(self, command: Command, step: Progress, began: float) -> None:
        self._journal.note(command.id, step.step, step.percent, step.message, time.monotonic() - began)


def _observe(command: Command, result: str, began: float) -> None:
    COMMAND_SECONDS.labels(command.verb, result).observe(time.monotonic() - began)
