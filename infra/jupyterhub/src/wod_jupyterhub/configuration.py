"""The hub's settings, out of ours."""

import logging
import os
import secrets
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path

from traitlets.config import Config

from wod_jupyterhub.accounts import AccountSpawner, PamSeatAuthenticator
from wod_jupyterhub.authenticator import AgentAuthenticator
from wod_jupyterhub.processors import NotDelegated, Processors
from wod_jupyterhub.proxy import OwnProxy
from wod_jupyterhub.roles import AGENT, AGENT_ROLE, DELIVERING_ROLE, ROLES
from wod_jupyterhub.settings import HubSettings
from wod_jupyterhub.spawner import SeatSpawner
from wod_jupyterhub.wiped import WipedSeatSpawner

LAB_CONFIGURATION = Path(__file__).parent / "lab"
READY_LIMIT = 60  # seconds from a seat's process to its first answer
START_LIMIT = 180  # seconds; holds the time in the queue, see SeatSpawner

DATABASE = "jupyterhub.sqlite"


def configure(c: Config, settings: HubSettings) -> None:
    """Fills ``c``; makes the state folder, private to the hub's account."""
    settings.state.mkdir(parents=True, exist_ok=True)
    settings.state.chmod(0o700)
    _configure_hub(c, settings)
    _configure_proxy(c, settings)
    _configure_sign_in(c, settings)
    _configure_seats(c, settings)


def _configure_hub(c: Config, settings: HubSettings) -> None:
    hub = c.JupyterHub
    hub.bind_url = f"http://{settings.host}:{settings.port}"
    hub.hub_bind_url = f"http://127.0.0.1:{settings.internal_port}"
    if settings.subdomains:
        hub.subdomain_host = settings.url.rstrip("/")
    else:
        hub.public_url = settings.url
    hub.db_url = f"sqlite:///{settings.state / DATABASE}"
    hub.cookie_secret_file = str(settings.state / "cookie_secret")
    # told to stop, a server would lose its storage: with delivery through the hub it outlives a restart
    hub.cleanup_servers = settings.delivery != "hub"
    hub.cleanup_proxy = True
    hub.shutdown_on_logout = False
    hub.allow_named_servers = False
    hub.load_roles = [*ROLES, AGENT_ROLE, *([DELIVERING_ROLE] if settings.delivery == "hub" else [])]
    hub.services = [{"name": AGENT, "api_token": settings.service_token.get_secret_value()}]
    if settings.service_token_other:
        hub.service_tokens = {settings.service_token_other.get_secret_value(): AGENT}
    forget_service_tokens(settings.state / DATABASE)
    # starts beyond the cores' number wait their turn in SeatSpawner; only a flood is refused
    hub.concurrent_spawn_limit = 100


def forget_service_tokens(database: Path) -> None:
    """JupyterHub keeps every token that it was ever configured with; those that still count are added when it starts."""
    if not database.exists():
        return
    with closing(sqlite3.connect(database)) as connection, connection, suppress(sqlite3.OperationalError):
        connection.execute("DELETE FROM api_tokens WHERE service_id IS NOT NULL")


def _configure_proxy(c: Config, settings: HubSettings) -> None:
    c.JupyterHub.proxy_class = OwnProxy
    c.OwnProxy.command = [sys.executable, "-m", "wod_jupyterhub.proxy_process"]
    c.OwnProxy.api_url = f"http://127.0.0.1:{settings.proxy_api_port}"
    c.OwnProxy.pid_file = str(settings.state / "proxy.pid")
    c.OwnProxy.auth_token = secrets.token_hex(32)
    c.OwnProxy.log_level = "error"


def _configure_sign_in(c: Config, settings: HubSettings) -> None:
    c.JupyterHub.authenticator_class = PamSeatAuthenticator if settings.accounts == "linux" else AgentAuthenticator
    c.PamSeatAuthenticator.pam_service = settings.pam_service
    c.AgentAuthenticator.allowed_users = {f"student{number}" for number in range(1, settings.seats + 1)}
    c.AgentAuthenticator.delivers_through_hub = settings.delivery == "hub"
    c.AgentAuthenticator.agent_url = settings.agent_url
    c.AgentAuthenticator.agent_token = settings.agent_token.get_secret_value()


def _configure_seats(c: Config, settings: HubSettings) -> None:
    if settings.delivery == "hub":
        c.JupyterHub.spawner_class = WipedSeatSpawner
    else:
        c.JupyterHub.spawner_class = AccountSpawner if settings.accounts == "linux" else SeatSpawner
    seats = c.SeatSpawner
    seats.homes = str(settings.homes)
    seats.logs = str(settings.state / "logs")
    seats.uid_base = settings.uid_base or 0
    seats.processes = settings.limit_processes
    seats.memory = settings.limit_memory
    seats.disk = settings.limit_disk
    seats.files = settings.limit_files
    seats.processors = _processors(settings.limit_cpu)
    seats.poll_interval = settings.limit_seconds
    seats.default_url = "/lab"
    seats.disable_user_config = True
    seats.env_keep = []
    seats.environment = {"JUPYTER_CONFIG_PATH": str(LAB_CONFIGURATION)}
    # -I: a random.py or a package in the student's home must not keep the server from starting
    seats.cmd = [sys.executable, "-I", "-m", "wod_jupyterhub.singleuser"]
    seats.http_timeout = READY_LIMIT
    seats.start_timeout = START_LIMIT
    seats.interrupt_timeout = 5
    seats.term_timeout = 2
    # a home's settings and workspace begin with a dot
    hidden = ["--ContentsManager.allow_hidden=True"] if settings.delivery == "hub" else []
    as_root = ["--allow-root"] if os.geteuid() == 0 and not settings.uid_base and settings.accounts == "folders" else []
    seats.args = [*hidden, *as_root]


def _processors(percent: int) -> Processors | None:
    """A host that cannot bound them is one where seats have always shared the processors as they like: it is said, no more."""
    if not percent:
        return None
    try:
        processors = Processors.of_the_service(percent)
        processors.divide()
    except (NotDelegated, OSError) as error:
        logging.getLogger(__name__).warning("WOD_HUB_LIMIT_CPU: seats' processors are NOT bounded: %s", error)
        return None
    return processors
