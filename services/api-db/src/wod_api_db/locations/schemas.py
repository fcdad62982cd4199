"""Locations on the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal

import httpx
from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from wod_api_db.locations.models import Transport

#: A location's rows of seats are made at once, and its agent's heartbeat names them one by one.
LARGEST_SEATS = 10_000
#: the global ids of the seats are four-byte integers, and so is the end of their interval, one behind the last
LARGEST_BASE = 2**31 - 2 - LARGEST_SEATS
LARGEST_LOCATION = 2**31 - 1


def _web_address(url: str) -> str:
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"is no URL: {error}") from error
    if parts.port is not None and not 1 <= parts.port <= 65535:
        raise ValueError(f"has the port {parts.port}, which is not from 1 to 65535")
    if parts.scheme not in {"http", "https"} or not parts.host or parts.userinfo or parts.query or parts.fragment:
        raise ValueError("must have the form http(s)://host[:port][/path], without user, query and fragment")
    return url


def _agent_address(url: str) -> str:
    return _web_address(url) if url else url


def _in_a_header(token: SecretStr) -> SecretStr:
    value = token.get_secret_value()
    if not value or not all("!" <= letter <= "~" for letter in value):
        raise ValueError("must be of visible ASCII characters, for it travels in a header")
    return token


LocationId = Annotated[int, Field(ge=1, le=LARGEST_LOCATION, examples=[1])]
LocationPath = Annotated[int, Path(ge=1, le=LARGEST_LOCATION, description="The location's id")]
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["Grenoble"])]
Host = Annotated[str, Field(max_length=253, pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]
GateHost = Annotated[str, Field(max_length=253, pattern=r"^[A-Za-z0-9:]([A-Za-z0-9.:_-]*[A-Za-z0-9:])?$")]
Port = Annotated[int, Field(ge=1, le=65535)]
AdminUser = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]
HubUrl = Annotated[str, Field(max_length=500, pattern=r"^[\x21-\x7e]+$"), AfterValidator(_web_address)]
AgentUrl = Annotated[str, Field(max_length=500, pattern=r"^[\x21-\x7e]*$"), AfterValidator(_agent_address)]
AgentToken = Annotated[SecretStr, Field(max_length=500), AfterValidator(_in_a_header)]
Seats = Annotated[int, Field(ge=0, le=LARGEST_SEATS, description="How many seats, student1 to studentN")]


_EXAMPLE: dict[str, Any] = {
    "id": 1,
    "name": "Grenoble",
    "fqdn": "grenoble.example.org",
    "basestdid": 1000,
    "gate_host": "grenoble.example.org",
    "gate_port": 10025,
    "admin_user": "wodadmin",
    "hub_url": "https://lab.example.org",
    "proto": "https",
    "port": 443,
    "transport": "smtp",
    "agent_url": "",
    "has_agent_token": False,
    "seats": {"total": 40, "free": 31, "in_use": 7, "cleaning": 1, "broken": 1},
    "commands_waiting": 2,
    "running_registrations": 6,
    "healthy": True,
    "unhealthy_reason": None,
    "drained_at": None,
    "paused": None,
    "last_heartbeat_at": "2026-11-23T10:00:05Z",
    "capabilities": ["appliance", "compile", "hooks", "kept-home", "ldap", "varpass"],
    "health": {
        "version": "0.1.0",
        "hub": True,
        "waiting": 1,
        "running": 1,
        "concurrency": 4,
        "cpus": 16,
        "load": 2.4,
        "memory_total": 68719476736,
        "memory_available": 41875931136,
        "disk_total": 1099511627776,
        "disk_free": 824633720832,
    },
}


class NewLocation(BaseModel):
    """A back end with a hub and seats. ``id`` and ``basestdid`` stay as they are for ever."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    id: LocationId
    name: Name
    fqdn: Host
    basestdid: Annotated[int, Field(ge=0, le=LARGEST_BASE, description="Student N has the global id basestdid + N")]
    seats: Seats
    gate_host: GateHost
    gate_port: Port = 10025
    admin_user: AdminUser = "wodadmin"
    hub_url: HubUrl
    proto: Literal["http", "https"] = "https"
    port: Port = 443
    transport: Transport = Transport.SMTP
    agent_url: AgentUrl = ""
    agent_token: AgentToken | None = Field(default=None, description="For transport rest; never shown again")


class LocationChange(BaseModel):
    """What is left out stays; ``agent_token`` null takes the token away."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Name | None = None
    fqdn: Host | None = None
    seats: Seats | None = None
    gate_host: GateHost | None = None
    gate_port: Port | None = None
    admin_user: AdminUser | None = None
    hub_url: HubUrl | None = None
    proto: Literal["http", "https"] | None = None
    port: Port | None = None
    transport: Transport | None = None
    agent_url: AgentUrl | None = None
    agent_token: AgentToken | None = None

    @model_validator(mode="after")
    def _null_is_no_value(self) -> "LocationChange":
        for name in self.model_fields_set - {"agent_token"}:
            if getattr(self, name) is None:
                raise ValueError(f"{name} cannot be null; leave it out to keep it as it is")
        return self


class SeatCounts(BaseModel):
    """``in_use`` is assigned or being prepared, ``cleaning`` on its way to be free again."""

    total: int
    free: int
    in_use: int
    cleaning: int
    broken: int


class LocationView(BaseModel):
    """A location, what it holds and how it is; its agent's token is never shown."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_EXAMPLE]})

    id: int
    name: str
    fqdn: str
    basestdid: int
    gate_host: str
    gate_port: int
    admin_user: str
    hub_url: str
    proto: str
    port: int
    transport: Transport
    agent_url: str
    has_agent_token: bool
    seats: SeatCounts
    commands_waiting: int = Field(description="Commands that have not ended")
    running_registrations: int
    healthy: bool
    unhealthy_reason: str | None = Field(description="Why it is not healthy, and what to look at")
    drained_at: datetime | None = Field(description="It takes nobody new since; who is in stays")
    paused: str | None = Field(description="The text of the pause that hinders registration here")
    last_heartbeat_at: datetime | None = Field(description="Null where no agent has ever reported")
    capabilities: list[str] | None = Field(
        description="What workshops may ask of its delivery; null where no agent has ever told, and none is judged"
    )
    health: dict[str, Any] = Field(description="The figures of the last heartbeat")


class LocationList(BaseModel):
    """Every location: there are a few."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_EXAMPLE]}]})

    items: list[LocationView]
