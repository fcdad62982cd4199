"""The whole platform out of its images, for ``check_containers``: on free ports of this machine, whose network they share."""

import json
import os
import re
import secrets
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import httpx
from building import Buildah, Wrong, say

from wod_common.keys import Folder, new
from wod_demo.postgres import Postgres
from wod_demo.settings import Ports
from wod_jupyterhub.testing import Browser

ROOT = Path(__file__).parents[2]
#: no other stack on this machine gives these to its students
UID_BASE = 52_000
#: the account of the images
ACCOUNT = 10_001
PATIENCE = 180.0  # seconds, on a machine that does something else as well
WORKSHOP = "WKSHP-Jupyter101"
T = TypeVar("T")


def until(look: Callable[[], T | None], what: str) -> T:
    deadline = time.monotonic() + PATIENCE
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise Wrong(f"{what} did not come within {PATIENCE:.0f} s")
        time.sleep(0.1)
    return found


class Platform:
    """What compose.yaml says, in the environment of one machine without an engine."""

    def __init__(self, buildah: Buildah, room: Path, stack: ExitStack) -> None:
        self._buildah = buildah
        self._stack = stack
        self.room = room
        self.ports = Ports.free()
        self.worker_metrics = Ports.free().portal
        folder = Folder(room / "secrets")
        new(folder)
        self.secrets = dict(line.split("=", 1) for line in (folder.path / "wod.env").read_text().splitlines())
        self._share(folder)
        self.http = stack.enter_context(httpx.Client(timeout=30, trust_env=False))
        self.postgres = Postgres(room / "postgres" / "data", self.ports.pg, secrets.token_urlsafe(16))
        #: where each container's root is, by the name it runs under
        self.roots: dict[str, Path] = {}
        self._ready: dict[str, str] = {}

    def _share(self, folder: Folder) -> None:
        """Both files to the account of the images, as README.md has the operator do it."""
        for path in (folder.key, folder.public):
            os.chown(path, ACCOUNT, ACCOUNT)
        self.key, self.public = folder.key, folder.public

    def start_postgres(self) -> None:
        self.postgres.data.parent.mkdir(parents=True)
        self.postgres.data.parent.chmod(0o711)
        self.postgres.start()
        self._stack.callback(self.postgres.stop)

    def settings(self, service: str) -> dict[str, object]:
        return {
            "api-db": self._api_db, "frontend": self._frontend, "mailgate": self._mailgate,
            "backend-agent": self._agent, "jupyterhub": self._hub, "mailbox": self._mailbox,
        }[service]()  # fmt: skip

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{getattr(self.ports, name)}"

    def _api_db(self) -> dict[str, object]:
        return {
            "WOD_API_DATABASE_URL": self.postgres.url, "WOD_API_SECRET": self.secrets["WOD_API_SECRET"],
            "WOD_API_PORT": self.ports.api, "WOD_API_COMMAND_KEY": "/run/wod/command-key.pem",
            "WOD_API_PORTAL_URL": self.url("portal"), "WOD_API_RELAY_PORT": self.ports.mailbox_smtp,
            "WOD_API_WORKER_METRICS_PORT": self.worker_metrics,
        }  # fmt: skip

    def _frontend(self) -> dict[str, object]:
        return {
            "WOD_PORTAL_PORT": self.ports.portal, "WOD_PORTAL_API_URL": self.url("api"),
            "WOD_PORTAL_SECRET": self.secrets["WOD_PORTAL_SECRET"], "WOD_PORTAL_PUBLIC_URL": self.url("portal"),
        }  # fmt: skip

    def _mailgate(self) -> dict[str, object]:
        return {
            "WOD_MAILGATE_LOCATION": 1, "WOD_MAILGATE_PORT": self.ports.mailgate,
            "WOD_MAILGATE_HTTP_PORT": self.ports.mailgate_http, "WOD_MAILGATE_STATE": "/var/lib/wod/state",
            "WOD_MAILGATE_COMMAND_KEYS": "/run/wod/command-keys.json", "WOD_MAILGATE_AGENT_URL": self.url("agent"),
            "WOD_MAILGATE_AGENT_TOKEN": self.secrets["WOD_AGENT_TOKEN"],
        }  # fmt: skip

    def _agent(self) -> dict[str, object]:
        names = ("BRANDINGURL", "SURVEYURL", "SURVEYCHALURL", "WODAPIURL")
        variables = dict.fromkeys(names, self.url("portal")) | {"WODBEFQDN": "localhost", "WODBEEXTFQDN": "localhost"}
        own = {name: self.secrets[name] for name in self.secrets if name.startswith("WOD_AGENT_")}
        return own | {
            "WOD_AGENT_PORT": self.ports.agent, "WOD_AGENT_LOCATION": 1, "WOD_AGENT_SEATS": 100,
            "WOD_AGENT_NOTEBOOKS": "/notebooks", "WOD_AGENT_API_URL": self.url("api"),
            "WOD_AGENT_API_USERNAME": "agent-1", "WOD_AGENT_HUB_URL": self.url("hub"),
            "WOD_AGENT_HUB_TOKEN": self.secrets["WOD_HUB_SERVICE_TOKEN"],
            "WOD_AGENT_VARIABLES": f"'{json.dumps(variables)}'",
        }  # fmt: skip

    def _hub(self) -> dict[str, object]:
        return {
            # for every address it asks for this host by its name, which only an engine makes known
            "WOD_HUB_HOST": "127.0.0.1",
            "WOD_HUB_PORT": self.ports.hub, "WOD_HUB_INTERNAL_PORT": self.ports.hub_internal,
            "WOD_HUB_PROXY_API_PORT": self.ports.hub_proxy, "WOD_HUB_URL": self.url("hub"), "WOD_HUB_SEATS": 100,
            "WOD_HUB_UID_BASE": UID_BASE, "WOD_HUB_AGENT_URL": self.url("agent"),
            "WOD_HUB_AGENT_TOKEN": self.secrets["WOD_AGENT_HUB_LOGIN_TOKEN"],
            "WOD_HUB_SERVICE_TOKEN": self.secrets["WOD_HUB_SERVICE_TOKEN"],
        }  # fmt: skip

    def _mailbox(self) -> dict[str, object]:
        return {"WOD_MAILBOX_PORT": self.ports.mailbox, "WOD_MAILBOX_SMTP_PORT": self.ports.mailbox_smtp}

    def write_seed(self) -> Path:
        location = {
            "id": 1, "name": "Here", "fqdn": "localhost", "basestdid": 0, "seats": 100, "gate_host": "127.0.0.1",
            "gate_port": self.ports.mailgate, "hub_url": self.url("hub"),
        }  # fmt: skip
        agent = {"username": "agent-1", "password": self.secrets["WOD_AGENT_API_PASSWORD"]}
        admin = {"username": "admin", "password": self.secrets["WOD_ADMIN_PASSWORD"]}
        path = self.room / "seed.json"
        path.write_text(json.dumps({"location": location, "admin": admin, "agent": agent, "notebooks": ["/notebooks"]}))
        os.chown(path, ACCOUNT, ACCOUNT)
        return path

    def run(
        self, service: str, name: str, command: list[str], volumes: Mapping[Path, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """Secrets come from a file: buildah's own arguments are for everybody to read."""
        variables = self.room / f"{name}.env"
        variables.write_text("".join(f"export {key}={value}\n" for key, value in self.settings(service).items()))
        os.chown(variables, ACCOUNT, ACCOUNT)
        variables.chmod(0o400)
        container = self._buildah("from", f"localhost/wod-{service}")
        self.roots[name] = Path(self._buildah("mount", container))
        common = {variables: "/run/wod/env:ro", ROOT / "notebooks": "/notebooks:ro"}
        script = f". /run/wod/env; exec {' '.join(command)}"
        user = "0:0" if service == "jupyterhub" else None
        return self._buildah.start(container, common | dict(volumes or {}), user, script, self.room / f"{name}.log")

    def task(self, name: str, *arguments: str, volumes: Mapping[Path, str] | None = None) -> None:
        mounts = {self.key: "/run/wod/command-key.pem:ro", **(volumes or {})}
        command = ["python", "-m", "wod_api_db.manage", *arguments]
        if self.run("api-db", name, command, mounts).wait(PATIENCE) != 0:
            raise Wrong(f"{name} failed:\n{self.log_end(name)}")

    def serve(self, service: str, ready: str, volumes: Mapping[Path, str] | None = None) -> None:
        self._keep(self.run(service, service, self._buildah.command_of(f"wod-{service}"), volumes))
        self._ready[service] = ready

    def worker(self) -> None:
        mounts = {self.key: "/run/wod/command-key.pem:ro"}
        self._keep(self.run("api-db", "worker", ["python", "-m", "wod_api_db.worker"], mounts))

    def _keep(self, process: "subprocess.Popen[bytes]") -> None:
        self._stack.callback(_end, process)

    def all_ready(self) -> None:
        for service, url in self._ready.items():
            began = time.monotonic()
            until(partial(self._answer, url), f"{service} ({url}), whose log ends:\n{self.log_end(service)}")
            say(f"{service}: {url} answers 200 ({time.monotonic() - began:.1f} s more)")

    def _answer(self, url: str) -> bool | None:
        with suppress(httpx.TransportError):
            return self.http.get(url).is_success or None
        return None

    def logs_end(self) -> str:
        return "\n".join(f"{name}: {self.log_end(name)[-1500:]}" for name in self.roots)

    def log_end(self, name: str) -> str:
        path = self.room / f"{name}.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(20)
    process.kill()
    process.wait()


async def walk(platform: Platform) -> str:
    """A registration from the form's call to the open lab and back; what was seen."""
    began = time.monotonic()
    form = {"workshop": WORKSHOP, "name": "Ada Martin", "email": "ada@example.org", "terms_version": "1"}
    answer = platform.http.post(f"{platform.url('api')}/api/v1/registrations", json=form)
    if answer.status_code != httpx.codes.CREATED:
        raise Wrong(f"registering was answered {answer.status_code}: {answer.text}")
    place = f"{platform.url('api')}/api/v1/registrations/{answer.json()['token']}"

    def when(value: str, field: str = "state") -> None:
        until(lambda: True if str(platform.http.get(place).json()[field]) == value else None, f"{field} {value}")

    when("running")
    username, password = until(lambda: credentials(platform), "the mail with the password")
    mailed = time.monotonic() - began
    student = Browser(platform.url("hub"), username)
    if (await student.sign_in(password)).status_code != httpx.codes.FOUND:
        raise Wrong(f"the hub does not take the password that was mailed:\n{platform.log_end('jupyterhub')}")
    opened = False
    while not opened:
        page = await student.open_lab()
        opened = page.status_code == httpx.codes.OK and "/lab" in page.url.path
        if time.monotonic() - began > PATIENCE:
            raise Wrong(f"the lab did not open:\n{platform.log_end('jupyterhub')}")
    lab = time.monotonic() - began
    platform.http.post(f"{place}/end")
    when("True", "cleaned")
    await student.close()
    return f"mail with the password after {mailed:.1f} s, lab open after {lab:.1f} s, ended, seat clean"


def credentials(platform: Platform) -> tuple[str, str] | None:
    mailbox = platform.url("mailbox")
    for mail in platform.http.get(f"{mailbox}/messages").json():
        text = platform.http.get(f"{mailbox}/messages/{mail['id']}").json()["text"].replace("\r\n", "\n")
        found = re.search(r"^User name:\s+(\S+)$.*?^Password:\s+(\S+)$", text, re.M | re.S)
        if found:
            return found[1], found[2]
    return None
