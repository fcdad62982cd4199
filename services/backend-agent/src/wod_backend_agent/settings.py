"""What one agent is told by its environment."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, FilePath, HttpUrl, Json, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from wod_backend_agent.accounts import LinuxAccounts, uid_here
from wod_backend_agent.delivery.base import Seat
from wod_backend_agent.directory import LdapServer
from wod_backend_agent.trees import Trees
from wod_backend_agent.watchdog.rules import MINERS
from wod_common.rotation import OtherSecret, taken
from wod_common.sealing import Sealer
from wod_common.settings import ServiceSettings

PREFIX = "WOD_AGENT_"

#: Long enough that a placeholder such as "changeme" is refused.
Token = Annotated[SecretStr, Field(min_length=16)]


class Settings(ServiceSettings):
    """Each is read from ``WOD_AGENT_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, hide_input_in_errors=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8030
    #: the api-db's id of this location
    location: Annotated[int, Field(ge=1)]
    #: students 1 to this number are this location's
    seats: Annotated[int, Field(ge=1, le=999_999)]
    #: the folder that holds the homes ``student<N>``
    homes: Path
    #: student N runs under uid ``uid_base + N``; without it all seats share the agent's account
    uid_base: Annotated[int, Field(ge=1000)] | None = None
    #: how workshops get into seats: ``ansible``, or ``hub`` where the agent has no access to the homes' disk
    delivery: Literal["ansible", "hub"] = "ansible"
    #: ``linux``: each seat is a Linux account ``student<N>`` with its group, made where it is missing, under the uid above
    #: or, without ``uid_base``, one that the host chooses
    accounts: Literal["folders", "linux"] = "folders"
    #: with ``linux``, the account of the operator's automation that may see the homes and write into workshops
    automation_account: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")] | None = None
    #: the journal and the private folders of runs
    state: Path
    #: content folders, colon separated, earlier ones first
    notebooks: Annotated[list[Path], NoDecode]
    #: the confidential overlay
    private: Path | None = None
    api_url: HttpUrl
    api_username: Annotated[str, Field(min_length=1)]
    api_password: Annotated[SecretStr, Field(min_length=1)]
    #: what is at ``api_url``: our api-db, or an original one (``legacy``)
    reporter: Literal["native", "legacy"] = "native"
    hub_url: HttpUrl
    #: what the agent presents to the hub
    hub_token: Token
    #: what the hub presents to the agent
    hub_login_token: Token
    #: what the gate presents to the agent
    token: Token
    #: seals passwords in the journal
    secret: Token
    #: taken beside these three while they are exchanged
    hub_login_token_other: OtherSecret = None
    token_other: OtherSecret = None
    secret_other: OtherSecret = None
    #: commands at a time; each is a run of Ansible, which fills a core
    concurrency: Annotated[int, Field(ge=1)] = os.cpu_count() or 1
    #: a run of Ansible waits this long for another seat before it ends: the next lab need not wait for its start
    ansible_idle_seconds: Annotated[float, Field(ge=0, le=3600)] = 120.0
    #: what one hook may take
    hook_seconds: Annotated[float, Field(gt=0, le=86_400)] = 600.0
    #: what one step of preparing an appliance may take
    appliance_seconds: Annotated[float, Field(gt=0, le=86_400)] = 3600.0
    #: how far everyone who works is, is measured this often
    completion_minutes: Annotated[float, Field(gt=0, le=1440)] = 5.0
    #: ends what is not to run in seats of this host; ``dry-run`` only tells of it; the next six are its rules
    watchdog: Literal["on", "dry-run", "off"] = "on"
    #: between two looks
    watchdog_seconds: Annotated[float, Field(gt=0, le=3600)] = 10.0
    #: programs that are not allowed: names, or patterns as a shell's, comma separated
    watchdog_programs: Annotated[tuple[str, ...], NoDecode] = MINERS
    #: a process that takes so many per cent of one processor
    watchdog_cpu_percent: Annotated[float, Field(gt=0, le=100_000)] = 98.0
    #: for so long
    watchdog_cpu_minutes: Annotated[float, Field(gt=0, le=10_000)] = 5.0
    #: is ended, but for these programs
    watchdog_allowed: Annotated[tuple[str, ...], NoDecode] = ()
    #: a session that is over by more is ended here, while the api-db cannot say so
    watchdog_overtime_minutes: Annotated[float, Field(ge=1, le=10_000)] = 15.0
    #: the group of installations that this one belongs to: its ``group_vars`` are read
    group: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] | None = None
    #: the location's name in the overlay's inventory; WODBEFQDN of its variables, or else localhost
    inventory_host: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] | None = None
    #: holds or prints the password of what the trees keep encrypted with Ansible Vault
    vault_password_file: FilePath | None = None
    #: the directory of workshops with ``ldap: true``, as ldap://host[:port] or ldaps://host[:port]; the next four say how
    ldap_url: Annotated[str, Field(pattern=r"^ldaps?://[^\s/?#]+/?$")] | None = None
    ldap_bind_dn: Annotated[str, Field(min_length=1)] | None = None
    ldap_password: Annotated[SecretStr, Field(min_length=1)] | None = None
    #: the entry of a seat, with ``{username}`` or ``{number}`` in it, such as uid={username},ou=people,dc=example,dc=org
    ldap_user_dn: str | None = None
    #: encrypts ldap:// before anything is said; false only where nobody can listen
    ldap_starttls: bool = True
    #: the authorities that the directory's certificate is checked with, instead of the system's
    ldap_ca: FilePath | None = None
    #: the templates' variables of this location, as a JSON object; every file of the trees may say otherwise
    variables: Annotated[Json[dict[str, str]], NoDecode] = Field(default_factory=dict, validate_default=False)

    @field_validator("notebooks", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part for part in value.split(":") if part] if isinstance(value, str) else value

    @field_validator("watchdog_programs", "watchdog_allowed", mode="before")
    @classmethod
    def _split_names(cls, value: Any) -> Any:
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @field_validator(
        "private", "uid_base", "group", "automation_account", "inventory_host", "vault_password_file",
        "ldap_url", "ldap_bind_dn", "ldap_password", "ldap_user_dn", "ldap_ca", mode="before",
    )  # fmt: skip
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("ldap_user_dn")
    @classmethod
    def _names_a_seat(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            names = {value.format(username=f"student{number}", number=number) for number in (1, 2)}
        except (KeyError, IndexError, ValueError):
            names = set()
        if len(names) < 2 or "=" not in value:
            raise ValueError("write a DN with {username} or {number} in it, and no other braces")
        return value

    @model_validator(mode="after")
    def _whole_directory(self) -> Self:
        needed = {"ldap_bind_dn": self.ldap_bind_dn, "ldap_password": self.ldap_password}
        needed |= {"ldap_user_dn": self.ldap_user_dn}
        if self.ldap_url and (missing := [f"{PREFIX}{name.upper()}" for name in needed if not needed[name]]):
            raise ValueError(f"{PREFIX}LDAP_URL needs {', '.join(missing)} as well")
        return self

    @model_validator(mode="after")
    def _accounts_need_the_disk(self) -> Self:
        if self.delivery == "hub" and self.accounts == "linux":
            raise ValueError(f"{PREFIX}DELIVERY hub makes no Linux accounts; leave {PREFIX}ACCOUNTS at folders")
        return self

    def ldap_server(self) -> LdapServer | None:
        if not (self.ldap_url and self.ldap_bind_dn and self.ldap_password and self.ldap_user_dn):
            return None
        return LdapServer(
            self.ldap_url, self.ldap_bind_dn, self.ldap_password, self.ldap_user_dn, self.ldap_starttls, self.ldap_ca
        )

    def trees(self) -> Trees:
        private = self.private.resolve() if self.private else None
        host = self.inventory_host or self.variables.get("WODBEFQDN") or "localhost"
        return Trees([folder.resolve() for folder in self.notebooks], private, self.group, host, self.vault())

    @property
    def api_url_for_labs(self) -> str:
        """What hooks are told: as a lab reaches it, where that differs."""
        return self.variables.get("WODAPIURL", str(self.api_url)).rstrip("/")

    def vault(self) -> Path | None:
        """Ansible's own variable for it is taken as well."""
        path = self.vault_password_file or Path(os.environ.get("ANSIBLE_VAULT_PASSWORD_FILE", "")).expanduser()
        return path.resolve() if path != Path() else None

    @property
    def tokens(self) -> tuple[SecretStr | None, ...]:
        """The gate's."""
        return self.token, self.token_other

    @property
    def hub_login_tokens(self) -> tuple[SecretStr | None, ...]:
        return self.hub_login_token, self.hub_login_token_other

    def sealer(self) -> Sealer:
        secret, *others = taken(self.secret, self.secret_other)
        return Sealer(secret, "agent-journal", *others)

    def linux_accounts(self) -> LinuxAccounts | None:
        return LinuxAccounts(self.automation_account) if self.accounts == "linux" else None

    def seat(self, number: int) -> Seat:
        username = f"student{number}"
        if self.uid_base is not None:
            uid: int | None = self.uid_base + number
        else:
            uid = uid_here(username) if self.accounts == "linux" else None
        return Seat(number, self.homes / username, uid)


def _setting(location: tuple[int | str, ...]) -> str:
    """What is wrong with several together names them itself."""
    return f"{PREFIX}{str(location[0]).upper()}: " if location else ""


class Misconfigured(Exception):
    """The message names every setting that is missing or wrong, and shows no value."""


def take_settings() -> Settings:
    """Reads the settings and removes them from the environment, so that no child inherits a secret. Raises Misconfigured."""
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = [f"  {_setting(item['loc'])}{item['msg']}" for item in error.errors()]
        raise Misconfigured("the agent cannot start, these settings need a value:\n" + "\n".join(wrong)) from None
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    return settings
