"""Settings of the mail gate, from the environment."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from wod_common.settings import ServiceSettings

Port = Annotated[int, Field(ge=0, le=65535)]
AgentToken = Annotated[SecretStr, Field(min_length=16)]


class FurtherLocation(BaseModel):
    """Another location behind the same gate, known by the address that its commands are sent to."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    location: Annotated[int, Field(ge=1)]
    recipient: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
    agent_url: HttpUrl
    agent_token: AgentToken


class Settings(ServiceSettings):
    """``WOD_MAILGATE_*``; the two that speak of peers are the whole installation's and named without the prefix."""

    model_config = SettingsConfigDict(env_prefix="WOD_MAILGATE_", populate_by_name=True, hide_input_in_errors=True)

    host: str = "127.0.0.1"
    port: Port = 10025
    #: /healthz, /readyz, /metrics
    http_port: Port = 10026
    location: Annotated[int, Field(ge=1)]
    #: the admin user: a local part (at any domain) or a full address
    recipient: Annotated[str, Field(min_length=1)] = "wodadmin"
    #: a JWKS file with the api-db's public keys; read again when it changes, two keys while one is rotated
    command_keys: Path
    agent_url: HttpUrl
    agent_token: AgentToken
    #: as JSON, ``[{"location": 2, "recipient": ..., "agent_url": ..., "agent_token": ...}]``; see below
    further: tuple[FurtherLocation, ...] = ()
    #: whoever is not a listed peer logs in with them first, which takes TLS; both or neither
    username: str | None = None
    password: Annotated[SecretStr, Field(min_length=16)] | None = None
    #: PEM files; with both, STARTTLS is offered
    tls_cert: Path | None = None
    tls_key: Path | None = None
    #: refuse mail in clear from whoever is not a listed peer
    require_tls: bool = False
    #: the gate's own folder, for the spool of listed peers' commands
    state: Path | None = None
    #: comma-separated networks whose unsigned commands are taken
    legacy_peers: Annotated[
        tuple[IPv4Network | IPv6Network, ...], NoDecode, Field(validation_alias="WOD_LEGACY_PEERS")
    ] = ()
    #: where students have a shell, this host's own addresses are theirs
    allow_loopback_peers: Annotated[bool, Field(validation_alias="WOD_ALLOW_LOOPBACK_PEERS")] = False

    @field_validator("legacy_peers", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _tls_is_whole(self) -> "Settings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("WOD_MAILGATE_TLS_CERT and WOD_MAILGATE_TLS_KEY go together: set both or neither")
        if self.require_tls and self.tls_cert is None:
            raise ValueError("WOD_MAILGATE_REQUIRE_TLS needs WOD_MAILGATE_TLS_CERT and WOD_MAILGATE_TLS_KEY")
        return self

    @model_validator(mode="after")
    def _logins_are_whole(self) -> "Settings":
        if (self.username is None) != (self.password is None):
            raise ValueError("WOD_MAILGATE_USERNAME and WOD_MAILGATE_PASSWORD go together: set both or neither")
        if self.username is not None and self.tls_cert is None:
            raise ValueError("WOD_MAILGATE_USERNAME needs WOD_MAILGATE_TLS_CERT: no password is taken in clear")
        return self

    @model_validator(mode="after")
    def _locations_are_told_apart(self) -> "Settings":
        recipients = [self.recipient.lower(), *(one.recipient.lower() for one in self.further)]
        locations = [self.location, *(one.location for one in self.further)]
        if self.further and "@" not in self.recipient:
            raise ValueError("with WOD_MAILGATE_FURTHER, WOD_MAILGATE_RECIPIENT is a full address")
        if len(set(recipients)) < len(recipients) or len(set(locations)) < len(locations):
            raise ValueError("WOD_MAILGATE_FURTHER: each location has a recipient of its own")
        return self

    @model_validator(mode="after")
    def _listed_peers_need_a_spool(self) -> "Settings":
        if self.legacy_peers and self.state is None:
            raise ValueError("WOD_LEGACY_PEERS needs WOD_MAILGATE_STATE, a folder to spool their commands in")
        return self
