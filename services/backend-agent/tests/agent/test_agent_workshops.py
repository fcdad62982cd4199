"""Workshops from the command to the home: a running agent, its Ansible delivery and the workshops' own programs."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
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
    async with aclosing(delivery), running_agent(tmp_path, real=delivery, private=tmp_path / "private") as place.agent:
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


NAMES = "{{ WODRTARGET }} {{ HTTPPORT }} {{ SSHPORT }}\n"
BASES = "IP-WKSHP-Small: 10.0.0.254\nHTTPPORT-WKSHP-Small: '{{ 8000 }}'\nSSHPORT-WKSHP-Small: '2200'\n"


@pytest.mark.parametrize(
    ("said", "target"), [("monoappliance: true", "10.0.0.254"), ("multiappliance: true", "10.0.1.1")]
)
async def test_a_seat_has_its_own_ports_and_the_address_of_its_appliance(
    installation: Installation, said: str, target: str
) -> None:
    installation.write("notebooks/WKSHP-Small/wod.yml", f"%YAML 1.1\n---\nrange: [4, 9]\n{said}\n")
    installation.write("notebooks/WKSHP-Small/a.sh", NAMES)
    installation.write("private/ansible/variables_WKSHP-Small.yml", BASES)
    for kind in ("create", "cleanup", "reset"):
        installation.hook(f"{kind}-WKSHP-Small.sh", f'echo "{kind} $WODRTARGET" >> {installation.folder}/said')
    assert (await installation.create("CHLG-Small")).type is EventType.DONE
    assert installation.delivered("CHLG-Small/a.sh") == f"{target} 8003 2203\n"
    for sequence, verb in ((2, Verb.CLEANUP), (3, Verb.RESET)):
        assert (await installation.do("CHLG-Small", verb, sequence))[-1].type is EventType.DONE
    said_by_hooks = (installation.folder / "said").read_text().splitlines()
    assert said_by_hooks == [f"create {target}", f"cleanup {target}", f"reset {target}"]


async def test_without_an_appliance_the_target_is_unset(installation: Installation) -> None:
    installation.write("notebooks/WKSHP-Small/wod.yml", "%YAML 1.1\n---\nrange: ['4-9']\nmonoappliance: false\n")
    installation.write("notebooks/WKSHP-Small/a.sh", "port {{ HTTPPORT }}\n")
    installation.write("private/ansible/variables_WKSHP-Small.yml", BASES)
    installation.hook("create-WKSHP-Small.sh", f'echo "${{WODRTARGET-unset}}" > {installation.folder}/said')
    assert (await installation.create()).type is EventType.DONE
    assert installation.delivered("WKSHP-Small/a.sh") == "port 8003\n"
    assert (installation.folder / "said").read_text() == "unset\n"


@pytest.mark.parametrize(
    ("manifest", "variables", "reason"),
    [
        ("range: [4, 9]\nmonoappliance: true", "A: a", "IP-WKSHP-Small is not set: it is the address of the appliance"),
        ("multiappliance: true", BASES, "wod.yml has no range"),
        ("range: [8, 9]\nmultiappliance: true", BASES, "student 7 is below the range in wod.yml, which begins with 8"),
        ("range: [4, 9]\nmultiappliance: true", "IP-WKSHP-Small: lab.example.org", "no address can be counted"),
        ("range: [4, 9]", "SSHPORT-WKSHP-Small: 65534", "student 7 gets no port"),
        ("range: [4, 9]", "SSHPORT-WKSHP-Small: '{{ NO_SUCH }}'", "'NO_SUCH' is undefined"),
    ],
)
async def test_what_a_seat_s_place_lacks_is_named(
    installation: Installation, manifest: str, variables: str, reason: str
) -> None:
    installation.write("notebooks/WKSHP-Small/wod.yml", f"%YAML 1.1\n---\n{manifest}\n")
    installation.write("private/ansible/variables_WKSHP-Small.yml", variables)
    assert reason in str((await installation.create()).error)
    assert not installation.home.exists()


async def test_a_hook_is_not_run_with_an_appliance_that_nobody_has_named(installation: Installation) -> None:
    installation.write("notebooks/WKSHP-Small/wod.yml", "%YAML 1.1\n---\nrange: [4, 9]\nmonoappliance: true\n")
    installation.hook("create-WKSHP-Small.sh", f"touch {installation.folder}/ran")
    assert "IP-WKSHP-Small is not set" in str((await installation.create()).error)
    assert not (installation.folder / "ran").exists()
