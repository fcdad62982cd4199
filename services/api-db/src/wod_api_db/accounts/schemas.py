"""Accounts on the wire; a password goes in and never comes out."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from wod_api_db.accounts.tokens import Role
from wod_common.texts import OnlyText

ACCOUNT_EXAMPLE: dict[str, Any] = {
    "id": 2,
    "username": "grace",
    "email": "grace@example.org",
    "role": "moderator",
    "location_id": None,
    "subject": None,
    "created_at": "2026-11-23T09:00:00Z",
}
SHORTEST_PASSWORD = 12

Username = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$", examples=["grace"])]
Email = Annotated[
    str, Field(max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$", examples=["grace@example.org"])
]
NewPassword = Annotated[SecretStr, Field(min_length=SHORTEST_PASSWORD, max_length=200), OnlyText]
#: As it was given once: those of before may be shorter.
Password = Annotated[SecretStr, Field(max_length=200), OnlyText]
Lifetime = Annotated[int, Field(ge=60, le=12 * 3600, description="Seconds that the token is good for")]
LocationId = Annotated[int, Field(ge=1, le=2**31 - 1)]


class LoginRequest(BaseModel):
    """User name and password of an account."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"username": "grace", "password": "correct horse battery"}]}
    )

    username: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
    password: Password
    lifetime: Lifetime = 900


class LoginElsewhere(BaseModel):
    """What the organisation's sign-in service has signed, and the nonce that it was asked with."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id_token": "eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "nonce": "n-0S6_WzA2Mj"}]}
    )

    id_token: Annotated[SecretStr, Field(max_length=20_000, min_length=1), OnlyText]
    nonce: Annotated[str, Field(min_length=8, max_length=200, pattern=r"^[\x21-\x7e]+$")]
    lifetime: Lifetime = 900


class LoginAnswer(BaseModel):
    """The token goes into the header ``Authorization: Bearer``."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "access_token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
                    "token_type": "bearer",
                    "expires_in": 900,
                    "username": "grace",
                    "role": "moderator",
                }
            ]
        }
    )

    access_token: str
    token_type: str = "bearer"  # noqa: S105 - RFC 6750's word
    expires_in: int = Field(description="Seconds")
    username: str
    role: Role


class AccountView(BaseModel):
    """An account."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [ACCOUNT_EXAMPLE]})

    id: int
    username: str
    email: str
    role: Role
    location_id: int | None = Field(description="The location that an agent reports for; null for everyone else")
    subject: str | None = Field(description="Who it is at the organisation's sign-in service; null with a password")
    created_at: datetime


class NewAccount(BaseModel):
    """An account to be."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "username": "grace",
                    "email": "grace@example.org",
                    "role": "moderator",
                    "password": "correct horse battery",
                },
                {
                    "username": "agent-2",
                    "email": "operator@example.org",
                    "role": "agent",
                    "location_id": 2,
                    "password": "correct horse battery",
                },
            ]
        },
    )

    username: Username
    email: Email
    role: Role
    location_id: LocationId | None = Field(default=None, description="For an agent, and for no other role")
    password: NewPassword


class AccountChange(BaseModel):
    """What is to be changed; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"role": "admin"}]})

    email: Email | None = None
    role: Role | None = None
    location_id: LocationId | None = Field(default=None, description="For an agent, and for no other role")
    password: NewPassword | None = None


class PasswordChange(BaseModel):
    """Of one's own account."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"old": "correct horse battery", "new": "staple of another horse"}]},
    )

    old: Password
    new: NewPassword
