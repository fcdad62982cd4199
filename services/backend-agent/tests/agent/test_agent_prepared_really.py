"""Seats that are made ahead by real runs of Ansible, and an agent that ends in the middle."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from agent_doubles import Agent, a_command, for_nobody, running_agent, until

from wod_backend_agent.delivery.ansible import AnsibleDelivery
from wod_backend_agent.trees import Trees
from wod_common.commands import Verb
from wod_common.events import CommandEvent, EventType

WORKSHOP = "WKSHP-API101"


def lab(text: str) -> str:
    cell = {"cell_type": "markdown", "metadata": {}, "source": [text]}
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell]})


class Location:
    """Content, homes, and an agent on them that can be started again and again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.notebook = root / "notebooks" / WORKSHOP / "1-Lab.ipynb"
        self.home = root / "homes" / "student7"
        for folder in (self.notebook.parent, root / "homes", root / "runs", root / "delivered"):
            folder.mkdir(parents=True)
        self.notebook.write_text(lab("Hello {{ PASSSTU }} of {{ STDID }}"))
        (self.notebook.parent / "wod.yml").write_text("varpass: true\n")

    @asynccontextmanager
    async def agent(self) -> AsyncIterator[Agent]:
        delivery = AnsibleDelivery(
            trees=Trees([self.root / "notebooks"]),
            homes=self.root / "homes",
            runs=self.root / "runs",
            delivered=self.root / "delivered",
            variables={},
        )
        async with running_agent(self.root, real=delivery) as agent:
            yield agent

    def delivered(self) -> str:
        [cell] = json.loads((self.home / WORKSHOP / "1-Lab.ipynb").read_text())["cells"]
        return str(cell["source"][0])


@pytest.fixture
def location(tmp_path: Path) -> Location:
    return Location(tmp_path)


def password_of(events: list[CommandEvent]) -> str:
    assert events[-1].password is not None, events[-1].error
    return events[-1].password.get_secret_value()


async def test_a_seat_is_prepared_verified_and_handed_over(location: Location) -> None:
    async with location.agent() as agent:
        [*_, prepared] = await agent.do(for_nobody())
        assert prepared.type is EventType.DONE, prepared.error
        [*_, verdict] = await agent.do(for_nobody(Verb.VERIFY, order=(1, 2)))
        assert (verdict.differences, verdict.content_version) == ([], prepared.content_version)
        made = (location.home / WORKSHOP).stat().st_ino
        events = await agent.do(a_command(order=(2, 1)))
        assert [event.type for event in events] == [EventType.ACCEPTED, EventType.DONE], (
            "no run of Ansible tells a step"
        )
        assert (location.home / WORKSHOP).stat().st_ino == made
        assert location.delivered() == f"Hello {password_of(events)} of 7"
        assert await agent.log_in(7, password_of(events))


async def test_older_content_is_delivered_anew(location: Location) -> None:
    async with location.agent() as agent:
        await agent.do(for_nobody())
        location.notebook.write_text(lab("Newer {{ PASSSTU }} of {{ STDID }}"))
        [*_, verdict] = await agent.do(for_nobody(Verb.VERIFY, order=(1, 2)))
        assert verdict.differences == [f"the content of {WORKSHOP} has changed since it was delivered"]
        events = await agent.do(a_command(order=(2, 1)))
        assert location.delivered() == f"Newer {password_of(events)} of 7"


async def test_what_is_put_into_a_seat_is_found(location: Location) -> None:
    async with location.agent() as agent:
        await agent.do(for_nobody())
        (location.home / "left.txt").write_text("x")
        (location.home / WORKSHOP / "1-Lab.ipynb").write_text("{}")
        (location.home / "link").symlink_to("/etc/passwd")
        [*_, verdict] = await agent.do(for_nobody(Verb.VERIFY, order=(1, 2)))
        assert verdict.differences == [
            f"changed: {WORKSHOP}/1-Lab.ipynb",
            "not delivered: left.txt",
            "not delivered: link",
        ]
        await agent.do(for_nobody(Verb.PURGE, order=(1, 3)))
        [*_, verdict] = await agent.do(for_nobody(Verb.VERIFY, order=(1, 4)))
        assert (verdict.differences, verdict.content_version) == ([], None)
        (location.home / "left.txt").write_text("x")
        [*_, verdict] = await agent.do(for_nobody(Verb.VERIFY, order=(1, 5)))
        assert verdict.differences == ["the home is not empty: left.txt"]


async def test_an_agent_that_ends_while_it_prepares_prepares_again(location: Location) -> None:
    command = for_nobody()
    async with location.agent() as agent:
        await agent.send(command)
        await until(lambda: any((location.root / "runs").iterdir()))
    async with location.agent() as agent:
        await until(lambda: agent.reporter.ended(command))
        assert agent.reporter.events[command.id][-1].type is EventType.DONE
        events = await agent.do(a_command(order=(2, 1)))
        assert events[-1].content_version
        assert location.delivered() == f"Hello {password_of(events)} of 7"


async def test_a_create_that_comes_while_it_prepares_is_delivered_whole(location: Location) -> None:
    async with location.agent() as agent:
        await agent.send(for_nobody())
        await until(lambda: any((location.root / "runs").iterdir()))
        events = await agent.do(a_command(order=(2, 1)))
        assert events[-1].content_version is None
        assert location.delivered() == f"Hello {password_of(events)} of 7"
