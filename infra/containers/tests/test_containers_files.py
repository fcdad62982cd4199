"""What can be said of the images without building them; ``make check-containers`` builds and runs them."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from locked import entries, pins

HERE = Path(__file__).parents[1]
ROOT = HERE.parents[1]
TOOLS = ROOT / ".tools/bin"
CONTAINERFILES = sorted(HERE.glob("*.Containerfile"))
COMPOSE = yaml.safe_load((HERE / "compose.yaml").read_text())
#: Of each variable that is a secret, who is given it.
SECRETS = {
    "WOD_DATABASE_PASSWORD": {"postgres", "api-db"},
    "WOD_API_SECRET": {"api-db"},
    "WOD_PORTAL_SECRET": {"frontend"},
    "WOD_AGENT_SECRET": {"backend-agent"},
    "WOD_AGENT_TOKEN": {"backend-agent", "mailgate"},
    "WOD_AGENT_API_PASSWORD": {"backend-agent", "seed"},
    "WOD_AGENT_HUB_LOGIN_TOKEN": {"backend-agent", "jupyterhub"},
    "WOD_HUB_SERVICE_TOKEN": {"backend-agent", "jupyterhub"},
    "WOD_ADMIN_PASSWORD": {"seed"},
}


def tool(name: str, *arguments: str | Path) -> None:
    if not (TOOLS / name).exists():
        pytest.skip(f"no {name}: make tools")
    done = subprocess.run([TOOLS / name, *arguments], check=False, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_hadolint_finds_nothing() -> None:
    tool("hadolint", *CONTAINERFILES)


def test_compose_is_valid() -> None:
    tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", HERE / "compose.yaml")


@pytest.mark.parametrize("file", CONTAINERFILES, ids=lambda file: file.stem)
def test_a_service_runs_without_root_and_says_how_it_is(file: Path) -> None:
    final = file.read_text().rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (.+)$", final, re.M) == ["10001"]
    assert "HEALTHCHECK" in final
    assert "org.opencontainers.image.title" in final


def users_of(variable: str) -> set[str]:
    """The services that compose hands the variable to; the migrations and the worker are the api-db's image."""
    same = {"migrate": "api-db", "seed": "api-db", "worker": "api-db"}
    asks = re.compile(rf"\$\{{{variable}(?:_OTHER)?[:}}]")
    found = {same.get(name, name) for name, service in COMPOSE["services"].items() if asks.search(str(service))}
    return found | ({"seed"} if asks.search(COMPOSE["configs"]["seed"]["content"]) else set())


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_given_to_those_who_share_it(secret: str) -> None:
    assert users_of(secret) == SECRETS[secret]


def services() -> dict[str, Any]:
    found: dict[str, Any] = COMPOSE["services"]
    return found


def test_every_container_is_hardened_and_students_are_apart_from_the_data() -> None:
    for name, service in services().items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
    labs = set(services()["jupyterhub"]["networks"])
    for name in ("postgres", "worker", "mailbox", "mailgate", "frontend"):
        assert not labs & set(services()[name]["networks"]), name


def test_the_lock_without_hashes_has_every_pin_of_it() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pinned = re.findall(r"^[A-Za-z0-9._-]+==\S+", lock, re.M)
    assert re.findall(r"^[A-Za-z0-9._-]+==\S+", pins(lock), re.M) == pinned
    assert "--hash" not in pins(lock)
    assert sum(len(found) for found in entries(lock).values()) == len(pinned)
    assert "".join(entry for found in entries(lock).values() for entry in found).count("--hash") == lock.count("--hash")
