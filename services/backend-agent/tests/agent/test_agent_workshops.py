"""Workshops from the command to the home: a running agent, its Ansible delivery and the workshops' own programs."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from agent_doubles import Agent, a_command, running_agent, settings_for

from wod_backend_agent.delivery.ansible import AnsibleDelivery
from wod_common.commands import Command, Verb
from wod_common.events import CommandEvent, EventType


class Installation:
    """The folders of a location, and an agent on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "homes/student7"
        self.agent: Agent

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)

    def hook(self, name: str, body: str) -> None:
        self.write(f"notebooks/scripts/{name}", f"#!/bin/sh\n{body}\n", 0o755)

    def delivered(self, path: str) -> str:
        return (self.home / path).read_text(encoding="utf-8")

    async def do(self, asked: str, verb: Verb = Verb.CREATE, sequence: int = 1, student: int = 7) -> list[CommandEvent]:
        command = a_command(verb, student, order=(1, sequence)).model_copy(update={"workshop": asked})
        return await self.agent.do(Command.model_validate(command.model_dump()))

    async def create(self, asked: str = "WKSHP-Small", student: int = 7) -> CommandEvent:
        return (await self.do(asked, student=student))[-1]


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    place = Installation(tmp_path)
    settings = settings_for(tmp_path, private=tmp_path / "private")
    for folder in (settings.homes, settings.state / "runs", settings.state / "delivered"):
        folder.mkdir(parents=True, mode=0o700)
    delivery = AnsibleDelivery(
        trees=settings.trees(),
        homes=settings.homes,
        runs=settings.state / "runs",
        delivered=settings.state / "delivered",
        variables={},
    )
    async with running_agent(tmp_path, real=delivery, private=tmp_path / "private") as place.agent:
        yield place


def notebook(source: str, count: int | None = None) -> str:
    cell: dict[str, object] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": count}
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [{**cell, "source": [source]}]})


async def test_a_challenge_has_its_workshops_content_scripts_and_variables(installation: Installation) -> None:
    text = "{% if MODEWS == 'CHLG' %}challenge{% else %}workshop{% endif %} {{ WHO }} {{ MLTOK }}"
    installation.write("notebooks/WKSHP-Small/1.ipynb", notebook(text))
    installation.write("private/ansible/variables_WKSHP-Small.yml", "WHO: private\n")
    installation.hook("create-WKSHP-Small.sh", 'echo "MLTOK=$w of $ws" > "$WODTOKENS"')
    installation.hook("post-copy-WKSHP-Small.sh", 'ls "$stddir/$w" > "$stddir/listing"')
    installation.hook("cleanup-WKSHP-Small.sh", 'test -d "$stddir/CHLG-Small"')
    assert (await installation.create("CHLG-Small")).type is EventType.DONE
    first = "CHLG-Small/1.ipynb"
    source = json.loads(installation.delivered(first))["cells"][0]["source"]
    assert source == ["challenge private CHLG-Small of WKSHP-Small"]
    assert installation.delivered("listing") == "1.ipynb\n"
    installation.write(f"homes/student7/{first}", notebook(source[0], count=1))
    cleaned = (await installation.do("CHLG-Small", Verb.CLEANUP, 2))[-1]
    assert (cleaned.type, cleaned.completion) == (EventType.DONE, 100)
    assert list(installation.home.iterdir()) == []


async def test_a_token_that_is_printed_by_a_template_s_error_is_masked(installation: Installation) -> None:
    installation.write("notebooks/WKSHP-Small/a.sh", "{{ {}[MLTOK] }}\n")
    installation.hook("create-WKSHP-Small.sh", 'echo "MLTOK=t0p-secret" > "$WODTOKENS"')
    failed = await installation.create()
    assert failed.error == "a.sh:1: '(secret)' is undefined"


async def test_the_hooks_after_a_failed_delivery_do_not_run(installation: Installation) -> None:
    installation.write("notebooks/WKSHP-Small/a.sh", "{{ NO_SUCH }}\n")
    installation.hook("post-copy-WKSHP-Small.sh", f"touch {installation.folder}/ran")
    failed = await installation.create()
    assert failed.error == "a.sh:1: 'NO_SUCH' is undefined"
    assert not (installation.folder / "ran").exists()


@pytest.mark.parametrize("said", ["varpass: true", "ldap: True", "ldap: false\nvarpass:\tyes"])
async def test_the_password_is_a_variable_where_the_workshop_wants_it(installation: Installation, said: str) -> None:
    installation.write("notebooks/WKSHP-Small/wod.yml", f"%YAML 1.1\n---\n{said}\n")
    installation.write("notebooks/WKSHP-Small/a.sh", "{{ PASSSTU }}\n")
    done = await installation.create()
    assert done.type is EventType.DONE
    assert done.password is not None
    assert installation.delivered("WKSHP-Small/a.sh") == f"{done.password.get_secret_value()}\n"


@pytest.mark.parametrize("said", ["varpass: false", "name: Small"])
async def test_the_password_is_no_variable_where_it_does_not(installation: Installation, said: str) -> None:
    installation.write("notebooks/WKSHP-Small/wod.yml", f"%YAML 1.1\n---\n{said}\n")
    installation.write("notebooks/WKSHP-Small/a.sh", "a\n{{ PASSSTU }}\n")
    error = (await installation.create()).error
    assert str(error).splitlines() == ["a.sh:2: 'PASSSTU' is undefined", "PASSSTU needs varpass: true in wod.yml"]


async def test_a_wod_yml_that_cannot_be_read_is_named_with_its_line(installation: Installation) -> None:
    installation.write("notebooks/WKSHP-Small/wod.yml", "%YAML 1.1\n---\nname: a\nrange: [1\nb: c\n")
    error = (await installation.create()).error
    assert str(error).startswith("WKSHP-Small: wod.yml:5: not valid YAML")
