"""The three real workshops on the platform."""

import asyncio
import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from playwright.async_api import Page, expect
from test_e2e_road import PATIENCE, sign_in
from visitor import Platform

import wod_backend_agent
from wod_demo.settings import DemoSettings
from wod_jupyterhub.testing import Browser as Student
from wod_jupyterhub.testing import run_cell

RENDERED = ("*.ipynb", "*.yaml", "*.py", "*.sh", "*.src", "*.tf", "*.env", "Variables.ps1")
PLAYBOOKS = Path(wod_backend_agent.__file__).parent / "playbooks"


async def test_the_three_are_imported(real_platform: Platform) -> None:
    answer = await real_platform.http.get(f"{real_platform.urls['api']}/api/v1/workshops")
    found = {item["notebook"]: item["active"] for item in answer.json()["items"]}
    assert found == {"WKSHP-API101": True, "WKSHP-Python101": True, "WKSHP-K8S101": False}


@pytest.mark.timeout(240)
async def test_what_is_delivered_is_what_ansible_makes_of_it(
    real_platform: Platform, page: Page, tmp_path: Path
) -> None:
    token = await real_platform.register("WKSHP-API101", "ada@example.org")
    await real_platform.in_state(token, "running")
    username, password = await real_platform.credentials("ada@example.org")
    variables = _variables(real_platform, username, password)
    expected = await ansible_renders(_content(real_platform, "WKSHP-API101"), variables, tmp_path)
    delivered = _files(real_platform.home(username) / "WKSHP-API101")
    assert delivered == expected

    await page.goto((await real_platform.registration(token))["lab_url"])
    await sign_in(page, username, password)
    await expect(page.locator(".jp-Notebook:visible")).to_contain_text("Workshops-on-Demand", timeout=PATIENCE)
    await expect(page.locator(".lm-TabBar-tab.lm-mod-current").filter(has_text="0-ReadMeFirst.ipynb")).to_be_visible()
    student = Student(real_platform.urls["hub"], username)
    await student.sign_in(password)
    await student.open_lab()
    assert (await run_cell(await student.open_kernel(), "print(6 * 7)")).strip() == "42"
    await student.close()
    await real_platform.end(token)
    await real_platform.cleaned(token)


def _content(platform: Platform, workshop: str) -> Path:
    settings: DemoSettings = platform.stack.settings
    return settings.notebooks[0] / workshop


def _variables(platform: Platform, username: str, password: str) -> dict[str, str]:
    """As the location has them: the playbooks' defaults, the demo's own, the seat's."""
    defaults: dict[str, str] = yaml.safe_load((PLAYBOOKS / "inventory.yml").read_text())["all"]["vars"]
    portal, api = platform.urls["portal"], platform.urls["api"]
    location = {"WODAPIURL": api, "WODBEFQDN": "localhost", "WODBEEXTFQDN": "localhost"}
    branding = {"BRANDINGURL": portal, "SURVEYURL": portal, "SURVEYCHALURL": portal}
    seat = {"STDID": username.removeprefix("student"), "PASSSTU": password, "MODEWS": "WKSHP"}
    return defaults | location | branding | seat


def _files(folder: Path) -> dict[str, bytes]:
    """But the checkpoints, which are copies."""
    found = (path for path in folder.rglob("*") if path.is_file() and ".ipynb_checkpoints" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


async def ansible_renders(source: Path, variables: dict[str, str], work: Path) -> dict[str, bytes]:
    """The workshop as Ansible's own template module renders it, one task over all templates."""
    target = work / "rendered"
    shutil.copytree(source, target)
    names = sorted(str(path.relative_to(source)) for pattern in RENDERED for path in source.rglob(pattern))
    task = {
        "ansible.builtin.template": {"src": f"{source}/{{{{ item }}}}", "dest": f"{target}/{{{{ item }}}}"},
        "loop": names,
    }
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}]
    (work / "play.yml").write_text(yaml.safe_dump(play))
    variables |= {"ansible_python_interpreter": sys.executable}
    (work / "variables.json").write_text(json.dumps(variables))
    ansible = Path(sys.executable).parent / "ansible-playbook"
    command = [str(ansible), "-i", "localhost,", "-e", f"@{work / 'variables.json'}", str(work / "play.yml")]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return _files(target)
