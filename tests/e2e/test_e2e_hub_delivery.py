"""The whole road once where workshops are delivered through the hub alone."""

import json
import shutil
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from visitor import Platform, text_of, until

from wod_demo.settings import DemoSettings
from wod_demo.stack import Stack
from wod_jupyterhub.testing import Browser as Student
from wod_jupyterhub.testing import run_cell

ROOT = Path(__file__).parents[2]
WORKSHOP = "WKSHP-Jupyter101"
HOOKED = "WKSHP-Hooked"


@pytest.fixture(scope="module")
async def hub_platform(open_folder: Path) -> AsyncIterator[Platform]:
    """Our own workshops, and one with a hook, which this way to deliver cannot run."""
    hooked = open_folder / "hooked"
    shutil.copytree(ROOT / "notebooks" / WORKSHOP, hooked / HOOKED)
    metadata = hooked / HOOKED / "wod.yml"
    lines = metadata.read_text().splitlines()
    metadata.write_text("\n".join("range: [101, 102]" if line.startswith("range:") else line for line in lines) + "\n")
    (hooked / "scripts").mkdir()
    (hooked / "scripts" / f"create-{HOOKED}.sh").write_text("#!/bin/sh\n")
    notebooks = (ROOT / "notebooks", hooked)
    stack = Stack(DemoSettings(open_folder / "hub-demo", notebooks=notebooks, seats=102, delivery="hub"))
    await stack.start()
    running = Platform(stack)
    yield running
    await running.close()
    await stack.stop()


@pytest.mark.timeout(300)
async def test_a_visitor_gets_a_rendered_lab_through_the_hub_and_leaves_a_clean_seat(hub_platform: Platform) -> None:
    token = await hub_platform.register(WORKSHOP, "ida@example.org")
    await hub_platform.in_state(token, "running")
    assert token in text_of(await hub_platform.mail("ida@example.org", "Welcome"))
    username, password = await hub_platform.credentials("ida@example.org")

    student = Student(hub_platform.urls["hub"], username)
    assert (await student.sign_in(password)).status_code == httpx.codes.FOUND
    await until(partial(_open_lab, student), "the lab")
    notebooks = f"{student.server}/api/contents/{WORKSHOP}"
    first = (await student.call("GET", f"{notebooks}/0-ReadMeFirst.ipynb")).json()["content"]
    assert f"student{username.removeprefix('student')}" in json.dumps(first)
    assert "{{" not in json.dumps(first)
    # the work would be gone with the storage
    assert (await student.call("DELETE", f"/hub/api/users/{username}/server")).status_code == httpx.codes.FORBIDDEN
    kernel = await student.open_kernel()
    assert (await run_cell(kernel, "print(6 * 7)")).strip() == "42"
    await _save_as_run(student, notebooks)

    await hub_platform.end(token)
    view = await hub_platform.cleaned(token)
    assert view["completion"] > 0
    assert not hub_platform.home(username).exists()
    assert await hub_platform.seat_state(username) == "free"
    assert (await student.open_lab()).url.path == "/hub/login"
    await student.close()


async def _open_lab(student: Student) -> httpx.Response | None:
    answer = await student.open_lab()
    return answer if answer.status_code == httpx.codes.OK and "/lab" in answer.url.path else None


async def _save_as_run(student: Student, notebooks: str) -> None:
    """What JupyterLab does after a cell has run."""
    name = next(ROOT.glob(f"notebooks/{WORKSHOP}/1-*.ipynb")).name
    model = (await student.call("GET", f"{notebooks}/{name}")).json()
    cell = next(cell for cell in model["content"]["cells"] if cell["cell_type"] == "code")
    cell["execution_count"] = 1
    body = {"type": "notebook", "format": "json", "content": model["content"]}
    assert (await student.call("PUT", f"{notebooks}/{name}", json=body)).status_code == httpx.codes.OK


@pytest.mark.timeout(120)
async def test_a_workshop_that_needs_more_takes_nobody_and_the_operator_knows_why(hub_platform: Platform) -> None:
    async def told() -> str | None:
        notices = await hub_platform.operator("notices")
        return next((str(notice["text"]) for notice in notices if notice["kind"] == "placement-refused"), None)

    text = await until(told, "the notice")
    assert HOOKED in text
    assert "hooks" in text
    form = {"workshop": HOOKED, "name": "Ada Martin", "email": "lee@example.org", "terms_version": "1"}
    answer = await hub_platform.http.post(f"{hub_platform.urls['api']}/api/v1/registrations", json=form)
    assert answer.status_code == httpx.codes.CONFLICT
