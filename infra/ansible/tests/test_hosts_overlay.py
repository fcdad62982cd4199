"""The template, copied and filled, laid over a public tree: each kind of thing in it is taken by what reads it."""

import json
import shutil
import sys
import tarfile
from contextlib import aclosing
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from hosts_kit import ALL, ANSIBLE, PLAY, ansible, facts
from pack import pack
from pydantic import SecretStr

from wod_api_db.app import read_deny_list
from wod_api_db.settings import Settings as ApiSettings
from wod_api_db.wishes.reading import read_wishes
from wod_backend_agent.delivery.ansible import AnsibleDelivery
from wod_backend_agent.delivery.base import Deployment, Seat
from wod_backend_agent.hooks import HookCall, Hooks
from wod_backend_agent.journal_rows import HookResult
from wod_backend_agent.trees import Trees

TEMPLATE = ANSIBLE.parents[1] / "private-template"
WORKSHOP = "%YAML 1.1\n---\nvarpass: true\nrange: [1, 9]\n"
HOOK = '#!/bin/sh\necho "{}" >> "{}"\n'
PUBLIC = {
    "WKSHP-A/wod.yml": WORKSHOP,
    "WKSHP-A/a.sh": "{{ BRANDING }} {{ OF_THE_PUBLIC }} {{ OF_THE_WORKSHOP }} {{ OF_THE_HOST }}\n",
    "WKSHP-Both/wod.yml": WORKSHOP,
    "WKSHP-Both/whose": "public",
    "ansible/group_vars/all.yml": "BRANDING: public\nOF_THE_PUBLIC: public\nOF_THE_WORKSHOP: public\n",
    "ansible/setup_appliance.yml": "public",
}
PRIVATE = {
    "notebooks/WKSHP-Ours/wod.yml": WORKSHOP,
    "notebooks/WKSHP-Ours/b.sh": "{{ BRANDING }}\n",
    "notebooks/WKSHP-Both/wod.yml": WORKSHOP,
    "notebooks/WKSHP-Both/whose": "private",
    "ansible/group_vars/production.yml": "OF_THE_HOST: group\n",
    "ansible/host_vars/localhost.yml": "OF_THE_HOST: host\n",
    "ansible/variables_WKSHP-A.yml": "OF_THE_WORKSHOP: private\n",
    "ansible/setup_appliance.yml": "private",
    "ansible/setup_WKSHP-A_appliance.yml": "private",
    "skeleton/.welcome": "from the overlay",
    "deny_list.txt": "# ours\nspammer.example\n",
}


def lay(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As README.md of the template says: a copy of it, filled."""
    folder = tmp_path_factory.mktemp("overlay") / "ours"
    shutil.copytree(TEMPLATE, folder)
    lay(folder, PRIVATE)
    (folder / "ansible/group_vars/all.yml").write_text("BRANDING: private\n")
    said = folder / "installation/group_vars/all.yml"
    ours = {"wod_brand: Workshops-on-Demand": "wod_brand: Ours", "#b83a0e": "#123456"}
    text = said.read_text()
    for theirs, value in ours.items():
        assert theirs in text
        text = text.replace(theirs, value)
    said.write_text(text)
    return folder


@pytest.fixture(scope="module")
def trees(overlay: Path, tmp_path_factory: pytest.TempPathFactory) -> Trees:
    return Trees([lay(tmp_path_factory.mktemp("public"), PUBLIC)], overlay, "production")


async def deliver(trees: Trees, folder: Path, workshop: str) -> Path:
    """The home in which it was delivered."""
    seat = Seat(7, folder / "homes/student7")
    for name in ("homes", "runs", "delivered"):
        (folder / name).mkdir(exist_ok=True)
    delivery = AnsibleDelivery(
        trees=trees,
        homes=folder / "homes",
        runs=folder / "runs",
        delivered=folder / "delivered",
        variables={"WODBEFQDN": "localhost"},
    )
    async with aclosing(delivery):
        deployment = Deployment(uuid4(), seat, workshop, 1, SecretStr("pa55-of-the-seat"))
        await delivery.create(deployment, lambda _step: None)
    return seat.home


async def test_variables_and_files_of_the_overlay_reach_a_public_workshop(trees: Trees, tmp_path: Path) -> None:
    home = await deliver(trees, tmp_path, "WKSHP-A")
    assert (home / "WKSHP-A/a.sh").read_text() == "private public private host\n"
    assert (home / ".welcome").read_text() == "from the overlay"


async def test_workshops_of_the_overlay_are_added_and_the_public_one_of_a_name_counts(
    trees: Trees, tmp_path: Path
) -> None:
    assert (await deliver(trees, tmp_path, "WKSHP-Ours") / "WKSHP-Ours/b.sh").read_text() == "private\n"
    found = trees.workshop("WKSHP-Both")
    assert found is not None
    assert (found / "whose").read_text() == "public"


async def test_scripts_of_the_overlay_run_after_the_public_ones(trees: Trees, tmp_path: Path) -> None:
    said = tmp_path / "said"
    for tree, name in ((trees.public[0], "public"), (trees.private, "private")):
        assert tree is not None
        script = lay(tree, {"scripts/create-WKSHP-A.sh": HOOK.format(name, said)}) / "scripts/create-WKSHP-A.sh"
        script.chmod(0o755)

    kept: list[HookResult] = []

    async def keep(_run: object, result: HookResult) -> None:
        kept.append(result)

    hooks = Hooks(trees, tmp_path, "http://127.0.0.1", 30, keep, most=1)
    await hooks.run(HookCall("create", uuid4(), Seat(7, tmp_path), "WKSHP-A", "pa55-of-the-seat"))
    assert said.read_text().split() == ["public", "private"]
    assert len(kept) == 2


def test_playbooks_for_appliances_are_the_overlays_where_there_is_no_public_one(trees: Trees) -> None:
    assert [path.read_text() for path in trees.appliance_playbooks("WKSHP-A")] == ["public", "private"]


def test_deny_list_and_seat_wishes_of_the_overlay_are_read(overlay: Path) -> None:
    secret, database = SecretStr("only-for-the-tests-of-the-overlay"), SecretStr("postgresql://nowhere")
    settings = ApiSettings(
        database_url=database, secret=secret, command_key=overlay / "none", deny_list=overlay / "deny_list.txt"
    )
    assert read_deny_list(settings).domains == {"spammer.example"}
    wishes = read_wishes((overlay / "seat-wishes.yml").read_bytes())
    assert {"Grenoble", "Houston"} <= {wish.location for wish in wishes}


def test_installation_says_branding_and_limits_and_stays_with_the_operator(overlay: Path, tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(PLAY)
    (tmp_path / "all.j2").write_text(ALL)
    roles = ANSIBLE / "roles"
    said = {
        "given": {"localhost": facts("Debian", "12", "Debian")},
        "target": str(tmp_path),
        "wod_source": str(ANSIBLE.parents[1]),
        "wod_secrets": str(tmp_path / "secrets"),
        "ansible_python_interpreter": sys.executable,
        "role_defaults": [str(path) for path in roles.glob("*/defaults/main.yml") if path.parts[-3] != "wod"],
        "role_templates": [],
        "environment_template": str(roles / "service/templates/environment.j2"),
        "role_variables": ["wod_private", "wod_environment", "wod_limit_memory", "wod_api_settings"],
    }
    inventory = str(overlay / "installation/inventory.yml")
    library = str(ANSIBLE / "tests/kit/library")
    done = ansible(
        "--inventory", inventory, "--extra-vars", json.dumps(said), str(tmp_path / "play.yml"),
        folder=tmp_path, ANSIBLE_LIBRARY=library,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = yaml.safe_load((tmp_path / "localhost.json").read_text())
    assert 'WOD_PORTAL_BRAND="Ours"' in found["portal.env"]
    assert found["wod_api_settings"] == {"WOD_API_ACCENT": "#123456"}
    assert 'WOD_API_DENY_LIST="/srv/wod/private/deny_list.txt"' in found["api_db.env"]
    assert 'WOD_AGENT_PRIVATE="/srv/wod/private"' in found["agent.env"]
    assert (found["wod_private"], found["wod_environment"], found["wod_limit_memory"]) == (
        str(overlay),
        "production",
        4096,
    )
    pack(overlay, tmp_path / "private.tar", [])
    with tarfile.open(tmp_path / "private.tar") as packed:
        assert not any(name.startswith("installation") for name in packed.getnames())
