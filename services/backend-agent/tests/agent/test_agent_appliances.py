"""Preparing appliances through a running agent, with real runs of Ansible; addresses of this machine are the appliances."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from agent_doubles import Agent, running_agent, settings_for, until

from wod_backend_agent.delivery.ansible import AnsibleDelivery

#: Ansible reaches them without ssh.
INVENTORY = "localhost ansible_connection=local\n[appliances]\n127.0.1.[4:9] ansible_connection=local MARK=of-{{inventory_hostname}}\n"
PROGRAM = 'echo "$1 $ws $stdid $WODRTARGET $WODAPPMIN-$WODAPPMAX $WODLDAPSETUP ${HOME:+home}" >> "$WODHERE/said"; echo did "$1"\n'
PLAYBOOK = """---
- name: Prepare it
  hosts: "{{ RTARGET | default([]) }}"
  gather_facts: false
  tasks:
    - name: Note it
      ansible.builtin.lineinfile:
        path: "{{ HERE }}/played"
        line: "{{ WORKSHOP }} {{ RTARGET }} {{ MARK }} {{ WODANSIBLEDIR | basename }}"
        create: true
        mode: "0644"
"""


class Site:
    """A location with a workshop on appliances, and an agent on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.agent: Agent

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)

    def workshop(self, said: str, first: str = "127.0.1.4") -> None:
        self.write("notebooks/WKSHP-Small/wod.yml", f"%YAML 1.1\n---\nrange: [4, 6]\n{said}\n")
        self.write("private/ansible/inventory", INVENTORY)
        self.write("private/ansible/variables_WKSHP-Small.yml", f"IP-WKSHP-Small: {first}\nHERE: {self.folder}\n")

    def program(self, name: str, body: str) -> None:
        text = f"#!/bin/sh\nWODHERE={self.folder}\n{body}"
        self.write(f"notebooks/scripts/{name}-WKSHP-Small.sh", text, 0o755)

    def lines(self, name: str) -> list[str]:
        path = self.folder / name
        return sorted(path.read_text(encoding="utf-8").splitlines()) if path.exists() else []

    async def set_up(self, **asked: int) -> dict[str, Any]:
        answer = await self.agent.client.post("/appliances/WKSHP-Small/setup", json=asked)
        assert answer.status_code == 202, answer.text
        return await self.ended(answer.json()["id"])

    async def ended(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = {}

        async def over() -> bool:
            found.update((await self.agent.client.get(f"/appliances/runs/{run}")).json())
            await asyncio.sleep(0.1)  # poll: until the deadline
            return bool(found["state"] != "running")

        await until(over)
        return found


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr("agent_doubles.DEADLINE_SECONDS", 110.0)
    place = Site(tmp_path)
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
    running = running_agent(tmp_path, real=delivery, private=tmp_path / "private")
    async with aclosing(delivery), running as place.agent:
        yield place


async def test_each_seats_own_appliance_is_prepared(site: Site) -> None:
    site.workshop("multiappliance: true\nldap: true")
    site.program("setup", PROGRAM)
    site.program("setup-pre", 'echo "pre $WODRTARGET ${randompw:+password}" >> $WODHERE/around\n')
    site.program("setup-post", 'echo "post $WODRTARGET" >> $WODHERE/around; echo after\n')
    site.write("notebooks/ansible/setup_WKSHP-Small_appliance.yml", PLAYBOOK)
    run = await site.set_up(first=5, last=6)
    assert run["state"] == "done", run
    assert [(seat["student"], seat["state"]) for seat in run["seats"]] == [(5, "done"), (6, "done")]
    assert "did WKSHP-Small" in run["seats"][0]["output"]
    assert run["seats"][0]["output"].endswith("after")
    assert site.lines("said") == [f"WKSHP-Small WKSHP-Small {n} 127.0.1.{n} 5-6 1 home" for n in (5, 6)]
    assert site.lines("played") == [f"WKSHP-Small 127.0.1.{n} of-127.0.1.{n} ansible" for n in (5, 6)]
    assert site.lines("around") == sorted(f"{line}.{n}{end}" for n in (5, 6) for line, end in AROUND)


AROUND = (("pre 127.0.1", " password"), ("post 127.0.1", ""))


async def test_one_appliance_for_all_is_prepared_once_for_the_whole_range(site: Site) -> None:
    site.workshop("monoappliance: true", first="127.0.1.9")
    site.program("setup", PROGRAM)
    run = await site.set_up()
    assert [(seat["student"], seat["state"]) for seat in run["seats"]] == [(4, "done")], run
    assert site.lines("said") == ["WKSHP-Small WKSHP-Small 4 127.0.1.9 4-6 0 home"]


async def test_an_appliance_that_fails_is_shown_and_the_others_are_prepared(site: Site) -> None:
    site.workshop("multiappliance: true")
    site.program("setup", 'echo to $WODRTARGET; test "$stdid" != 4 || { echo no disk >&2; exit 3; }\n')
    run = await site.set_up(first=4, last=5)
    assert (run["state"], [seat["state"] for seat in run["seats"]]) == ("failed", ["failed", "done"])
    assert "no disk" in run["seats"][0]["output"]
    assert "to 127.0.1.5" in run["seats"][1]["output"]


async def test_addresses_are_counted_from_where_the_range_begins_here(site: Site) -> None:
    site.workshop("multiappliance: true")
    site.program("setup-pre", "echo $WODRTARGET >> $WODHERE/said\n")
    assert (await site.set_up(first=11, last=11, first_seat=10))["state"] == "done"
    assert site.lines("said") == ["127.0.1.5"]


@pytest.mark.parametrize(
    ("said", "asked", "reason"),
    [
        ("name: a", {}, "has no appliance"),
        ("monoappliance: true", {"first": 5}, "name the first and the last seat"),
        ("monoappliance: true", {"first": 6, "last": 5}, "seats 6 to 5 are no part"),
        ("monoappliance: true", {"first": 3, "last": 5}, "seats 3 to 5 are no part of a range that begins with 4"),
        ("monoappliance: true", {"first": 0, "last": 5}, "first"),
    ],
)
async def test_what_cannot_be_prepared_is_refused(site: Site, said: str, asked: dict[str, int], reason: str) -> None:
    site.workshop(said)
    site.program("setup", PROGRAM)
    answer = await site.agent.client.post("/appliances/WKSHP-Small/setup", json=asked)
    assert (answer.status_code, reason in answer.text) == (422, True), answer.text


async def test_nothing_to_do_an_unknown_workshop_and_an_unknown_run_are_said(site: Site) -> None:
    site.workshop("monoappliance: true")
    client = site.agent.client
    assert "nothing to prepare" in (await client.post("/appliances/WKSHP-Small/setup")).text
    assert "no content" in (await client.post("/appliances/WKSHP-No/setup")).text
    assert (await client.get(f"/appliances/runs/{uuid4()}")).status_code == 404
    refused = await client.post("/appliances/WKSHP-Small/setup", headers={"Authorization": "Bearer no"})
    assert refused.status_code == 401


async def test_one_preparation_at_a_time_and_a_stopped_agent_says_what_it_left(tmp_path: Path) -> None:
    place = Site(tmp_path)
    place.workshop("monoappliance: true")
    place.program("setup-pre", "touch $WODHERE/began; sleep 600\n")
    settings = settings_for(tmp_path, private=tmp_path / "private")
    delivery = AnsibleDelivery(
        trees=settings.trees(), homes=tmp_path, runs=tmp_path / "state/runs", delivered=tmp_path, variables={}
    )
    (tmp_path / "state/runs").mkdir(parents=True)
    async with aclosing(delivery), running_agent(tmp_path, real=delivery, private=tmp_path / "private") as agent:
        begun = await agent.client.post("/appliances/WKSHP-Small/setup")
        await until((tmp_path / "began").exists)
        assert (await agent.client.post("/appliances/WKSHP-Small/setup")).status_code == 409
    async with running_agent(tmp_path, real=delivery, private=tmp_path / "private") as place.agent:
        run = await place.ended(begun.json()["id"])
    assert (run["state"], run["seats"][0]["output"]) == ("failed", "the agent was stopped; prepare it again")


def test_it_is_done_by_hand_with_the_agents_settings(tmp_path: Path) -> None:
    place = Site(tmp_path)
    place.workshop("multiappliance: true")
    place.program("setup", PROGRAM)
    named = {
        "LOCATION": "1", "SEATS": "20", "HOMES": tmp_path, "STATE": tmp_path / "state", "NOTEBOOKS": tmp_path / "notebooks",
        "PRIVATE": tmp_path / "private", "API_URL": "http://127.0.0.1:1", "API_USERNAME": "agent", "API_PASSWORD": "x" * 16,
        "HUB_URL": "http://127.0.0.1:1", "HUB_TOKEN": "x" * 16, "HUB_LOGIN_TOKEN": "x" * 16, "TOKEN": "x" * 16,
        "SECRET": "x" * 16,
    }  # fmt: skip
    environment = {f"WOD_AGENT_{name}": str(value) for name, value in named.items()}
    ran = subprocess.run(
        [sys.executable, "-m", "wod_backend_agent.appliance_setup", "WKSHP-Small", "4,4"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **environment},
        capture_output=True,
        check=False,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith("student 4: done\n")
    assert place.lines("said") == ["WKSHP-Small WKSHP-Small 4 127.0.1.4 4-4 0 home"]
