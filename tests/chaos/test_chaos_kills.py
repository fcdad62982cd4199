"""SIGKILL for the worker, the gate and the agent at chosen moments of a CREATE: the visitor gets his lab all the same."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import httpx
import psutil
import pytest
from chaos_kit import KILLS, Chaos, Guest, Moment, caught, halted, marked, unread
from visitor import PATIENCE, until

from wod_backend_agent.delivery.base import RUN_MARKER
from wod_common.commands import Command, CommandState, Verb

pytestmark = pytest.mark.timeout(600)
Tree = dict[str, tuple[str, str]]


@pytest.fixture(scope="module")
async def undisturbed(chaos: Chaos) -> Tree:
    """The home of somebody whom nothing befell."""
    guest = await chaos.register(KILLS, "calm@example.org")
    username, password = await chaos.credentials(guest, "nothing was killed")
    tree = chaos.tree(username, password)
    assert f"{KILLS}/connect.env" in tree
    return tree


async def judge(chaos: Chaos, guest: Guest, what: str, undisturbed: Tree) -> None:
    """One letter, its password opens the door, the home is whole, nothing of a run is left."""
    username, password = await chaos.credentials(guest, what)
    assert (await chaos.platform.registration(guest.token))["state"] == "running"
    assert chaos.tree(username, password) == undisturbed
    async with chaos.signed_in(username, password) as browser:
        assert (await browser.http.get("/hub/home")).status_code == httpx.codes.OK
    command = await chaos.create_of(guest)
    assert marked(command) == []
    # a run of Ansible that waits for the next lab is no leftover
    runs = chaos.stack.state.root / "agent" / "runs"
    assert [run.name for run in runs.iterdir() if not marked(run.name)] == []
    assert not (runs / str(command.id)).exists()
    rows = await chaos.platform.operator("commands", registration=guest.registration)
    assert [(row["verb"], row["state"]) for row in rows] == [("CREATE", "done")]


async def command_journalled(chaos: Chaos, email: str) -> Guest:
    guest = await chaos.register(KILLS, email)
    command = await chaos.create_of(guest)
    with chaos.frozen("agent"):
        assert marked(command) == []
        await chaos.kill("agent")
    return guest


async def ansible_running(chaos: Chaos, email: str) -> Guest:
    guest = await chaos.register(KILLS, email)
    command = await chaos.create_of(guest)
    await caught(lambda: halted(command) or None, "Ansible")
    with chaos.frozen("agent"):
        assert chaos.in_journal(guest, Verb.CREATE, CommandState.RUNNING)
        await chaos.kill("agent")
    return guest


async def home_delivered(chaos: Chaos, email: str) -> Guest:
    guest = await chaos.register(KILLS, email)
    await chaos.create_of(guest)
    with chaos.frozen("api-db"):
        await caught(lambda: chaos.in_journal(guest, Verb.CREATE, CommandState.DONE), "the end of the run")
        found = chaos.journal(guest.registration, Verb.CREATE)
        assert found
        assert not found.reported
        await chaos.kill("agent")
    return guest


@pytest.mark.parametrize("moment", [command_journalled, ansible_running, home_delivered])
async def test_an_agent_killed_during_a_create_finishes_it(chaos: Chaos, undisturbed: Tree, moment: Moment) -> None:
    guest = await moment(chaos, f"agent-{moment.__name__}@example.org")
    await judge(chaos, guest, f"agent: {moment.__name__}", undisturbed)


Leave = Callable[[Command], subprocess.Popen[bytes]]


@pytest.fixture
def leave() -> Iterator[Leave]:
    """Starts what a task of a playbook may leave behind: a process in a session of its own."""
    with ExitStack() as stack:

        def start(command: Command) -> subprocess.Popen[bytes]:
            environment = os.environ | {RUN_MARKER: str(command.id)}
            process = subprocess.Popen(["sleep", "600"], env=environment, start_new_session=True)
            stack.callback(process.wait)
            stack.callback(process.kill)
            while not psutil.Process(process.pid).environ():
                pass  # the kernel shows a new program's environment a moment after Popen has returned
            return process

        yield start


async def test_a_killed_agents_successor_ends_what_the_run_has_left(
    chaos: Chaos, undisturbed: Tree, leave: Leave
) -> None:
    guest = await chaos.register(KILLS, "straggler@example.org")
    command = await chaos.create_of(guest)
    await caught(lambda: halted(command) or None, "Ansible")
    with chaos.frozen("agent"):
        straggler = leave(command)
        left = marked(command)
        assert len(left) > 1
        await chaos.kill("agent")
    assert straggler.poll() is None
    await judge(chaos, guest, "agent: ansible_running, and a process of the run got away", undisturbed)
    assert straggler.poll() == -signal.SIGKILL
    _, alive = psutil.wait_procs([process for process in left if process.pid != straggler.pid], timeout=PATIENCE)
    assert alive == []


async def just_registered(chaos: Chaos, email: str) -> Guest:
    guest = await chaos.register(KILLS, email)
    await chaos.kill("worker")
    return guest


async def command_accepted(chaos: Chaos, email: str) -> Guest:
    guest = await chaos.register(KILLS, email)
    await chaos.create_of(guest)
    with chaos.frozen("worker"):
        await chaos.kill("worker")
    return guest


async def credentials_not_yet_sent(chaos: Chaos, email: str) -> Guest:
    with chaos.frozen("mailbox"):
        guest = await chaos.register(KILLS, email)
        await chaos.platform.in_state(guest.token, "running")
        assert chaos.letters(guest.email) == []
        await chaos.kill("worker")
    return guest


@pytest.mark.parametrize("moment", [just_registered, command_accepted, credentials_not_yet_sent])
async def test_a_worker_killed_during_a_create_costs_seconds(chaos: Chaos, undisturbed: Tree, moment: Moment) -> None:
    guest = await moment(chaos, f"worker-{moment.__name__}@example.org")
    await judge(chaos, guest, f"worker: {moment.__name__}", undisturbed)


async def mail_still_to_come(chaos: Chaos, email: str) -> Guest:
    await chaos.kill("mailgate")
    guest = await chaos.register(KILLS, email)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", chaos.stack.settings.ports.mailgate)) != 0, "the gate is back already"
    return guest


async def mail_being_decided(chaos: Chaos, email: str) -> Guest:
    """The worker waits for the reply to its mail, the gate for the agent."""
    with chaos.frozen("agent"):
        guest = await chaos.register(KILLS, email)
        await caught(lambda: unread(chaos.stack.settings.ports.agent), "the gate's word to the agent")
        await chaos.kill("mailgate")
    return guest


async def mail_taken(chaos: Chaos, email: str) -> Guest:
    guest = await chaos.register(KILLS, email)
    await until(partial(chaos.sent, guest), "the gate's 250")
    await chaos.kill("mailgate")
    return guest


@pytest.mark.parametrize("moment", [mail_still_to_come, mail_being_decided, mail_taken])
async def test_a_gate_killed_around_a_create_loses_nothing(chaos: Chaos, undisturbed: Tree, moment: Moment) -> None:
    guest = await moment(chaos, f"gate-{moment.__name__}@example.org")
    await judge(chaos, guest, f"gate: {moment.__name__}", undisturbed)
