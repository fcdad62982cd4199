"""The demo's settings, from the environment: names and defaults are an interface, see the architecture page."""

import os
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from pathlib import Path

HOST = "127.0.0.1"


class SettingsWrong(ValueError):
    """A variable cannot be used; the message names it, its value and what is wanted."""


@dataclass(frozen=True)
class Ports:
    """Each is set by ``WOD_<NAME>_PORT``; those of the last three nobody calls by hand."""

    portal: int = 8080
    api: int = 8021
    hub: int = 8000
    agent: int = 8030
    mailgate: int = 10025
    mailbox: int = 8025
    mailbox_smtp: int = 1025
    pg: int = 54329
    mailgate_http: int = 10026
    hub_internal: int = 8081
    hub_proxy: int = 8001

    @staticmethod
    def variable(name: str) -> str:
        return f"WOD_{name.upper()}_PORT"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Ports":
        chosen = {
            port.name: _number(environment, cls.variable(port.name), 1, 65_535)
            for port in fields(cls)
            if environment.get(cls.variable(port.name))
        }
        return cls(**chosen)

    @classmethod
    def free(cls) -> "Ports":
        """Ports that nobody listens on at this moment."""
        with ExitStack() as stack:
            sockets = {port.name: stack.enter_context(socket.socket()) for port in fields(cls)}
            for held in sockets.values():
                held.bind((HOST, 0))
            return cls(**{name: held.getsockname()[1] for name, held in sockets.items()})

    def refuse_taken(self, *without: str) -> None:
        """Raises SettingsWrong for the first port that cannot be listened on, or that is named twice."""
        wanted = {port.name: getattr(self, port.name) for port in fields(self) if port.name not in without}
        owners = {number: name for name, number in wanted.items()}
        for name, number in wanted.items():
            if owners[number] != name:
                raise SettingsWrong(f"{self.variable(name)} and {self.variable(owners[number])} are both {number}")
        for name, number in wanted.items():
            self._refuse_taken(name, number)

    def _refuse_taken(self, name: str, number: int) -> None:
        with socket.socket() as probe:
            # as the services themselves do: connections of a former run that linger are no hindrance
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, number))
            except OSError as error:
                raise SettingsWrong(
                    f"port {number} on {HOST} cannot be used ({error.strerror}). "
                    f"End what listens there, or choose another: {self.variable(name)}=<port> make demo"
                ) from error


@dataclass(frozen=True)
class DemoSettings:
    """``overrides``: more environment for single services, by the service's name."""

    directory: Path
    notebooks: tuple[Path, ...] = (Path("notebooks"),)
    private: Path | None = None
    seats: int = 100
    ports: Ports = field(default_factory=Ports.free)
    legacy_peers: str = ""
    allow_loopback_peers: str = ""
    #: how workshops get into seats: ``ansible`` or ``hub``
    delivery: str = "ansible"
    database_url: str | None = field(default=None, repr=False)
    overrides: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "DemoSettings":
        given = os.environ if environment is None else environment
        folders = (given.get("WOD_NOTEBOOKS") or "notebooks").split(":")
        private = given.get("WOD_PRIVATE")
        return cls(
            directory=Path(given.get("WOD_DEMO_DIR") or "var/demo").absolute(),
            notebooks=tuple(_folder("WOD_NOTEBOOKS", name) for name in folders if name),
            private=_folder("WOD_PRIVATE", private) if private else None,
            seats=_number(given, "WOD_SEATS", 1, 9_999) if given.get("WOD_SEATS") else 100,
            ports=Ports.from_environment(given),
            legacy_peers=given.get("WOD_LEGACY_PEERS", ""),
            allow_loopback_peers=given.get("WOD_ALLOW_LOOPBACK_PEERS", ""),
            delivery=_choice(given, "WOD_DELIVERY", ("ansible", "hub")),
            database_url=given.get("DATABASE_URL") or None,
        )


def _number(environment: Mapping[str, str], name: str, lowest: int, highest: int) -> int:
    text = environment[name]
    if text.isascii() and text.isdigit() and lowest <= int(text) <= highest:
        return int(text)
    raise SettingsWrong(f"{name} is a whole number from {lowest} to {highest}, not {text!r}")


def _choice(environment: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """The first one where none is named."""
    chosen = environment.get(name) or choices[0]
    if chosen not in choices:
        raise SettingsWrong(f"{name} is {' or '.join(choices)}, not {chosen!r}")
    return chosen


def _folder(variable: str, name: str) -> Path:
    folder = Path(name).absolute()
    if not folder.is_dir():
        raise SettingsWrong(f"{variable} names {name!r}, which is not a folder")
    return folder
