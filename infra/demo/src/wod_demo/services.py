"""The table of services: the command, the environment and the readiness address of each."""

import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wod_demo.postgres import Postgres, reachable_by
from wod_demo.settings import HOST, DemoSettings
from wod_demo.state import Secrets, State
from wod_demo.supervisor import Service
from wod_jupyterhub import launching

LOCATION = 1
UID_BASE = 40_000
ADMIN = "admin"
AGENT = "agent-localhost"
#: whom command mails are addressed to, at any domain
COMMAND_ACCOUNT = "wodadmin"

#: The rest of the caller's environment may hold secrets that are nobody's business here.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")


def isolated(homes: Path) -> bool:
    """Whether students' servers can run under uids of their own: root starts them, and those uids get to what they need."""
    if os.geteuid() != 0:
        return False
    needed = (Path(sys.executable), Path(sys.executable).resolve(), Path(launching.__file__).parent, homes)
    return all(reachable_by(UID_BASE + 1, path) for path in needed)


def url(port: int) -> str:
    return f"http://{HOST}:{port}"


@dataclass(frozen=True)
class Table:
    """Every secret is given to those two that share it, and to nobody else."""

    settings: DemoSettings
    state: State
    secrets: Secrets
    postgres: Postgres | None

    @property
    def database_url(self) -> str:
        if self.postgres is not None:
            return self.postgres.url
        assert self.settings.database_url is not None
        return self.settings.database_url

    @property
    def uid_base(self) -> int | None:
        return UID_BASE if isolated(self.state.homes) else None

    def database(self) -> Service | None:
        """None where the operator brings a server; call it off the event loop, initdb takes a second."""
        if self.postgres is None:
            return None
        command, uid = self.postgres.prepare()
        return Service(
            "postgres", command, self._environment("postgres", {}), Path("/"),
            uid=uid, stop_signal=signal.SIGINT, orphan_signal=signal.SIGINT,
        )  # fmt: skip

    def mailbox(self) -> Service:
        ports = self.settings.ports
        own = {
            "WOD_MAILBOX_PORT": ports.mailbox,
            "WOD_MAILBOX_SMTP_PORT": ports.mailbox_smtp,
            "WOD_MAILBOX_FOLDER": self.state.mail,
            "WOD_MAILBOX_FIRST_STUDENT_UID": self.uid_base and self.uid_base + 1,
            "WOD_MAILBOX_STUDENTS": self.settings.seats if self.uid_base else None,
        }
        return self._service("mailbox", "wod_demo.mailbox", own, ready=ports.mailbox)

    def api_db(self) -> Service:
        return self._service("api-db", "wod_api_db", self.api_settings(), ready=self.settings.ports.api, layer=1)

    def worker(self) -> Service:
        return self._service("worker", "wod_api_db.worker", self.api_settings(), layer=2)

    def api_settings(self) -> dict[str, object]:
        ports = self.settings.ports
        return {
            "WOD_API_DATABASE_URL": self.database_url,
            "WOD_API_HOST": HOST,
            "WOD_API_PORT": ports.api,
            "WOD_API_SECRET": self.secrets.api,
            "WOD_API_COMMAND_KEY": self.state.command_key,
            "WOD_API_PORTAL_URL": url(ports.portal),
            "WOD_API_RELAY_HOST": HOST,
            "WOD_API_RELAY_PORT": ports.mailbox_smtp,
            "WOD_API_MAIL_SENDER": "Workshops-on-Demand <workshops@example.org>",
            "WOD_API_SUPPORT": "workshops@example.org",
            "WOD_API_LEGACY": "true",
            "WOD_API_CONTENT": ":".join(map(str, self._content_folders())),
        }

    def agent(self) -> Service:
        settings, secrets = self.settings, self.secrets
        own = {
            "WOD_AGENT_HOST": HOST,
            "WOD_AGENT_PORT": settings.ports.agent,
            "WOD_AGENT_LOCATION": LOCATION,
            "WOD_AGENT_SEATS": settings.seats,
            "WOD_AGENT_HOMES": self.state.homes,
            "WOD_AGENT_UID_BASE": self.uid_base,
            "WOD_AGENT_DELIVERY": settings.delivery,
            "WOD_AGENT_STATE": self.state.root / "agent",
            "WOD_AGENT_NOTEBOOKS": ":".join(map(str, settings.notebooks)),
            "WOD_AGENT_PRIVATE": settings.private,
            "WOD_AGENT_API_URL": url(settings.ports.api),
            "WOD_AGENT_API_USERNAME": AGENT,
            "WOD_AGENT_API_PASSWORD": secrets.agent_password,
            "WOD_AGENT_HUB_URL": url(settings.ports.hub),
            "WOD_AGENT_HUB_TOKEN": secrets.hub_token,
            "WOD_AGENT_HUB_LOGIN_TOKEN": secrets.hub_login_token,
            "WOD_AGENT_TOKEN": secrets.agent_token,
            "WOD_AGENT_SECRET": secrets.agent,
            "WOD_AGENT_VARIABLES": json.dumps(self._variables()),
        }
        return self._service("agent", "wod_backend_agent", own, ready=settings.ports.agent, layer=3)

    def _variables(self) -> dict[str, str]:
        """What the workshops' templates say of this location."""
        portal = url(self.settings.ports.portal)
        return {
            "WODAPIURL": url(self.settings.ports.api),
            "WODBEFQDN": "localhost",
            "WODBEEXTFQDN": "localhost",
            "BRANDINGURL": portal,
            "SURVEYURL": portal,
            "SURVEYCHALURL": portal,
        }

    def mailgate(self) -> Service:
        settings = self.settings
        own = {
            "WOD_MAILGATE_HOST": HOST,
            "WOD_MAILGATE_PORT": settings.ports.mailgate,
            "WOD_MAILGATE_HTTP_PORT": settings.ports.mailgate_http,
            "WOD_MAILGATE_LOCATION": LOCATION,
            "WOD_MAILGATE_RECIPIENT": COMMAND_ACCOUNT,
            "WOD_MAILGATE_COMMAND_KEYS": self.state.command_keys,
            "WOD_MAILGATE_AGENT_URL": url(settings.ports.agent),
            "WOD_MAILGATE_AGENT_TOKEN": self.secrets.agent_token,
            "WOD_MAILGATE_STATE": self.state.root / "mailgate",
            "WOD_LEGACY_PEERS": settings.legacy_peers or None,
            "WOD_ALLOW_LOOPBACK_PEERS": settings.allow_loopback_peers or None,
        }
        return self._service("mailgate", "wod_mailgate", own, ready=settings.ports.mailgate_http, layer=4)

    def portal(self) -> Service:
        ports = self.settings.ports
        own = {
            "WOD_PORTAL_HOST": HOST,
            "WOD_PORTAL_PORT": ports.portal,
            "WOD_PORTAL_API_URL": url(ports.api),
            "WOD_PORTAL_SECRET": self.secrets.portal,
            "WOD_PORTAL_PUBLIC_URL": url(ports.portal),
            "WOD_PORTAL_BRANDING": self._branding(),
        }
        return self._service("portal", "wod_frontend", own, ready=ports.portal, layer=4)

    def _branding(self) -> Path | None:
        folder = self.settings.private / "branding" if self.settings.private else None
        return folder if folder and folder.is_dir() else None

    def hub(self) -> Service:
        ports = self.settings.ports
        own = launching.environment(
            port=ports.hub, internal_port=ports.hub_internal, proxy_api_port=ports.hub_proxy,
            state=self.state.root / "hub", homes=self.state.homes, seats=self.settings.seats, uid_base=self.uid_base,
            agent_url=url(ports.agent), agent_token=self.secrets.hub_login_token,
            service_token=self.secrets.hub_token, public_url=url(ports.hub), delivery=self.settings.delivery,
        )  # fmt: skip
        # SIGTERM, so that it takes its proxy and the students' servers along
        return Service(
            "hub", launching.command(), own | dict(self.settings.overrides.get("hub", {})), self._folder("hub"),
            ready=f"{url(ports.hub)}/hub/health", layer=3, orphan_signal=signal.SIGTERM,
        )  # fmt: skip

    def api_task(self, *arguments: str) -> Service:
        """A run of the api-db's own command, to its end."""
        command = [sys.executable, "-m", "wod_api_db.manage", *arguments]
        name = f"api-db-{arguments[0]}"
        return Service(name, command, self._environment("api-db", self.api_settings()), self._folder(name))

    def seed(self) -> dict[str, object]:
        """What the api-db must know of this machine; it holds two passwords."""
        ports = self.settings.ports
        return {
            "location": {
                "id": LOCATION, "name": "localhost", "fqdn": "localhost", "basestdid": 0,
                "seats": self.settings.seats, "gate_host": HOST, "gate_port": ports.mailgate, "hub_url": url(ports.hub),
            },
            "admin": {"username": ADMIN, "password": self.secrets.admin_password, "email": "admin@example.org"},
            "agent": {"username": AGENT, "password": self.secrets.agent_password},
            "notebooks": [str(folder) for folder in self._content_folders()],
        }  # fmt: skip

    def _content_folders(self) -> list[Path]:
        """Public ones first, as the agent looks for them: of two with one name the public one counts."""
        private = self.settings.private / "notebooks" if self.settings.private else None
        return [*self.settings.notebooks, *([private] if private and private.is_dir() else [])]

    def _service(
        self, name: str, module: str, own: Mapping[str, object], *, ready: int | None = None, layer: int = 0
    ) -> Service:
        return Service(
            name, [sys.executable, "-m", module], self._environment(name, own), self._folder(name),
            ready=f"{url(ready)}/readyz" if ready else None, layer=layer,
        )  # fmt: skip

    def _environment(self, name: str, own: Mapping[str, object]) -> dict[str, str]:
        base = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        base["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{base.get('PATH', os.defpath)}"
        base |= {"HOME": str(self._folder(name)), "PYTHONUNBUFFERED": "1"}
        given = {key: str(value) for key, value in own.items() if value is not None}
        return base | given | dict(self.settings.overrides.get(name, {}))

    def _folder(self, name: str) -> Path:
        """Home and working folder: tools that write into their home stay inside the demo's folder."""
        return self.state.root / "work" / name
