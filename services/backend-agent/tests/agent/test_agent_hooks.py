"""Hooks as real processes, around commands of a running agent."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
import structlog
from agent_doubles import Agent, a_command, a_range_reset, running_agent, until

from wod_backend_agent.delivery.base import RUN_MARKER
from wod_common.commands import Command, Verb
from wod_common.events import CommandEvent, EventType

CLEANUP = a_command(Verb.CLEANUP, order=(1, 2))


class Trees:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.public, self.private = folder / "notebooks", folder / "private"

    def hook(self, kind: str, body: str, *, private: bool = False) -> None:
        path = (self.private if private else self.public) / "scripts" / f"{kind}-WKSHP-API101.sh"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    def said(self, name: str = "said") -> list[str]:
        path = self.folder / name
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(tmp_path)


@pytest.fixture
async def agent(tmp_path: Path, trees: Trees) -> AsyncIterator[Agent]:
    async with running_agent(tmp_path, private=trees.private) as agent:
        yield agent


async def outputs(agent: Agent, command: Command) -> list[dict[str, object]]:
    answer = await agent.client.get(f"/commands/{command.id}/hooks")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()
    return found


def failure(events: list[CommandEvent]) -> str:
    assert events[-1].type is EventType.FAILED
    assert events[-1].error is not None
    return events[-1].error


async def test_each_verb_runs_its_hooks_the_private_one_after_the_public_one(agent: Agent, trees: Trees) -> None:
    for kind in ("create", "post-copy", "cleanup", "reset"):
        trees.hook(kind, f"echo public {kind} >> {trees.folder}/said")
        trees.hook(kind, f"echo private {kind} >> {trees.folder}/said", private=True)
    for command in (a_command(), CLEANUP, a_command(Verb.RESET, order=(1, 3)), a_command(Verb.PURGE, order=(1, 4))):
        assert (await agent.do(command))[-1].type is EventType.DONE
    kinds = ("create", "post-copy", "cleanup", "reset")
    assert trees.said() == [f"{tree} {kind}" for kind in kinds for tree in ("public", "private")]


async def test_a_hook_has_the_documented_environment_and_nothing_of_the_agents(
    agent: Agent, trees: Trees, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_AGENT", "x")
    trees.hook("create", f"env > {trees.folder}/said; echo $# >> {trees.folder}/arguments")
    command = a_command().model_copy(update={"workshop": "CHLG-API101"})
    await agent.do(command)
    given = dict(line.split("=", 1) for line in trees.said())
    # what the shell sets for itself
    for name in ("PWD", "OLDPWD", "SHLVL", "_"):
        given.pop(name, None)
    assert given.keys() - {"HOME", "LANG", "PATH"} == {
        *("stdid", "stddir", "w", "ws", "wid", "randompw", "WODAPIDBEXTURL", "WODTOKENS", RUN_MARKER)
    }
    assert given["stdid"] == "7"
    assert given["stddir"] == str(agent.folder / "homes/student7")
    assert (given["w"], given["ws"], given["wid"]) == ("CHLG-API101", "WKSHP-API101", "WKSHP-API101")
    assert given["randompw"] == agent.delivery.passwords[0]
    assert given["WODAPIDBEXTURL"] == "http://127.0.0.1:1"
    assert trees.said("arguments") == ["0"]


async def test_the_create_hook_comes_before_the_home_and_post_copy_after_it(agent: Agent, trees: Trees) -> None:
    for kind in ("create", "post-copy"):
        trees.hook(kind, f"echo {kind} >> {trees.folder}/said")
    agent.delivery.held.add(7)
    doing = asyncio.create_task(agent.do(a_command()))
    await until(lambda: agent.delivery.busy == {7})
    assert trees.said() == ["create"]
    agent.delivery.let_go.set()
    assert (await doing)[-1].type is EventType.DONE
    assert trees.said() == ["create", "post-copy"]


async def test_tokens_of_both_create_hooks_reach_the_templates(agent: Agent, trees: Trees) -> None:
    trees.hook("create", r'printf "MLTOK=a=b {{ c }}\n\nBOTH=public\n" > "$WODTOKENS"')
    trees.hook("create", 'echo BOTH=private >> "$WODTOKENS"; stat -c %a "$WODTOKENS"', private=True)
    command = a_command()
    await agent.do(command)
    assert agent.delivery.tokens == [{"MLTOK": "a=b {{ c }}", "BOTH": "private"}]
    assert [one["output"] for one in await outputs(agent, command)] == ["", "600\n"]
    assert not list((agent.folder / "state/runs/hooks").iterdir())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("lower=top-secret", "line 1 is not NAME=value"),
        ("no sign top-secret", "line 1 is not NAME=value"),
        ("PASSSTU=top-secret", "PASSSTU is the agent's to say"),
        ("../X=top-secret", "line 1 is not NAME=value"),
    ],
)
async def test_what_is_no_token_fails_the_create_and_is_not_quoted(
    agent: Agent, trees: Trees, line: str, reason: str
) -> None:
    trees.hook("create", f'echo "{line}" > "$WODTOKENS"; echo "{line}"')
    command = a_command()
    error = failure(await agent.do(command))
    assert reason in error
    assert "top-secret" not in f"{error} {await outputs(agent, command)}"
    assert agent.delivery.calls == []


async def test_a_hook_that_fails_fails_the_command_with_its_last_lines(agent: Agent, trees: Trees) -> None:
    trees.hook("create", "seq 100; echo no licence left >&2; exit 3")
    trees.hook("create", f"touch {trees.folder}/said", private=True)
    command = a_command()
    error = failure(await agent.do(command))
    assert error.splitlines()[0] == "the public hook create-WKSHP-API101.sh ended with exit 3; the last it printed:"
    assert error.splitlines()[1:] == [*(str(number) for number in range(82, 101)), "no licence left"]
    assert agent.delivery.calls == []
    assert not (trees.folder / "said").exists()
    (kept,) = await outputs(agent, command)
    assert kept["ended"] == "exit 3"
    assert str(kept["output"]).startswith("1\n2\n")


async def test_after_a_failed_cleanup_hook_the_seat_is_locked_and_the_home_still_there(
    agent: Agent, trees: Trees
) -> None:
    await agent.do(a_command())
    agent.delivery.calls.clear()
    trees.hook("cleanup", "exit 1")
    assert "it printed nothing" in failure(await agent.do(CLEANUP))
    assert agent.delivery.calls == [("measure", 7)]
    assert ("evict", "student7") in agent.hub.calls
    assert not await agent.log_in(7, agent.delivery.passwords[0])


async def test_what_a_hook_prints_is_kept_without_the_secrets(agent: Agent, trees: Trees) -> None:
    trees.hook("create", 'echo MLTOK=s3cret-token > "$WODTOKENS"; echo "$randompw s3cret-token"; printf "a\\000b"')
    trees.hook("create", 'echo "again s3cret-token"; echo OTHER=0ther-token > "$WODTOKENS"; exit 1', private=True)
    command = a_command()
    error = failure(await agent.do(command))
    kept = await outputs(agent, command)
    assert [one["output"] for one in kept] == ["(secret) (secret)\na\ufffdb", "again (secret)\n"]
    assert "again (secret)" in error
    journal = b"".join(path.read_bytes() for path in (agent.folder / "state").glob("journal*"))
    assert b"s3cret-token" not in journal


async def test_a_secret_is_not_shown_by_the_half_that_the_bound_leaves(agent: Agent, trees: Trees) -> None:
    trees.hook("create", 'i=0; while [ $i -lt 12000 ]; do echo "$randompw"; i=$((i + 1)); done; echo end')
    command = a_command()
    await agent.do(command)
    (kept,) = await outputs(agent, command)
    lines = str(kept["output"]).splitlines()
    assert (lines[0], lines[-1]) == ("(the beginning is left out)", "end")
    # the first of them may be cut, and is so in the mask
    assert set(lines[2:-1]) == {"(secret)"}
    assert "(secret)".endswith(lines[1])
    assert len(str(kept["output"])) < 70_000


@pytest.fixture
async def impatient(tmp_path: Path, trees: Trees) -> AsyncIterator[Agent]:
    async with running_agent(tmp_path, private=trees.private, hook_seconds=1.0) as agent:
        yield agent


def alive(pids: list[str]) -> list[str]:
    return [pid for pid in pids if psutil.pid_exists(int(pid)) and psutil.Process(int(pid)).status() != "zombie"]


async def test_a_hook_that_hangs_is_ended_with_its_children_at_the_limit(impatient: Agent, trees: Trees) -> None:
    children = f"sleep 600 & echo $! >> {trees.folder}/said; setsid env -i sleep 600 & echo $! >> {trees.folder}/said"
    trees.hook("create", f"trap '' TERM; {children}; echo waiting; env -i sleep 600")
    command = a_command()
    error = failure(await impatient.do(command))
    assert error == "the public hook create-WKSHP-API101.sh was ended after 1 s; the last it printed:\nwaiting"
    assert len(trees.said()) == 2
    assert alive(trees.said()) == []
    (kept,) = await outputs(impatient, command)
    assert kept["ended"] == "limit"


async def test_a_child_in_the_background_is_not_waited_for_and_ends_with_the_hook(agent: Agent, trees: Trees) -> None:
    trees.hook(
        "create", f"sleep 600 & echo $! >> {trees.folder}/said; env -i sleep 600 & echo $! >> {trees.folder}/said"
    )
    assert (await agent.do(a_command()))[-1].type is EventType.DONE
    assert len(trees.said()) == 2
    assert alive(trees.said()) == []


async def test_a_newer_command_ends_the_hook_and_its_children(agent: Agent, trees: Trees) -> None:
    trees.hook("create", f"sleep 600 & echo $! >> {trees.folder}/said; echo $$ >> {trees.folder}/said; sleep 600")
    create = a_command()
    await agent.send(create)
    await until(lambda: len(trees.said()) == 2)
    assert (await agent.do(CLEANUP.model_copy(update={"id": a_command().id})))[-1].type is EventType.DONE
    assert alive(trees.said()) == []
    await until(lambda: agent.reporter.ended(create))
    assert agent.reporter.types(create)[-1] is EventType.SUPERSEDED
    assert not list((agent.folder / "state/runs/hooks").iterdir())


async def test_hooks_run_once_in_each_run_and_again_after_a_restart(tmp_path: Path, trees: Trees) -> None:
    trees.hook("create", f"echo create >> {trees.folder}/said; [ -e {trees.folder}/let-go ] || sleep 600")
    command = a_command()
    async with running_agent(tmp_path) as first:
        await first.send(command)
        await until(lambda: trees.said() == ["create"])
    (trees.folder / "let-go").touch()
    async with running_agent(tmp_path) as second:
        await until(lambda: second.reporter.ended(command))
        assert EventType.DONE in second.reporter.types(command)
        assert trees.said() == ["create"] * 2
        assert len(await outputs(second, command)) == 1


async def test_a_range_is_reset_by_one_hook_with_everybody_out(agent: Agent, trees: Trees) -> None:
    await agent.do(a_command())
    agent.delivery.calls.clear()
    agent.hub.calls.clear()
    trees.hook("reset", f"echo $stdid $stdidlast >> {trees.folder}/said; exit 1")
    failure(await agent.do(a_range_reset(5, 9, order=(1, 2))))
    assert trees.said() == ["5 9"]
    assert {name for call, name in agent.hub.calls if call == "evict"} == {
        f"student{number}" for number in range(5, 10)
    }
    assert agent.delivery.calls == []


@pytest.mark.parametrize("last", [None, 8])
async def test_a_reset_without_a_hook_says_so(agent: Agent, trees: Trees, last: int | None) -> None:
    """A workshop that wants a reset has something to reset: an operator who forgot the hook must see it."""
    await agent.do(a_command())
    reset = a_command(Verb.RESET, order=(1, 2)) if last is None else a_range_reset(7, last, order=(1, 2))
    with structlog.testing.capture_logs() as lines:
        events = await agent.do(reset)
    assert events[-1].type is EventType.DONE
    assert "WKSHP-API101 has no reset hook: its seats are emptied" in [event.message for event in events]
    assert [line["workshop"] for line in lines if line["event"] == "no reset hook"] == ["WKSHP-API101"]
    trees.hook("reset", "true")
    again = reset.model_copy(update={"id": uuid4(), "sequence": 3})
    assert "hook" not in [event.step for event in await agent.do(again)]


async def test_a_hook_that_cannot_be_run_is_an_error_that_says_so(agent: Agent, trees: Trees) -> None:
    trees.hook("create", "true")
    path = trees.public / "scripts/create-WKSHP-API101.sh"
    path.chmod(0o644)
    if os.getuid() != 0 or not os.access(path, os.X_OK):
        assert "make it executable" in failure(await agent.do(a_command()))
    path.write_text("#!/no/such/program\n")
    path.chmod(0o755)
    assert "cannot be started" in failure(await agent.do(a_command(order=(1, 2))))


async def test_the_hooks_of_an_unknown_command_are_not_found(agent: Agent) -> None:
    assert (await agent.client.get(f"/commands/{a_command().id}/hooks")).status_code == 404
