"""The api-db's settings, read once from the environment (prefix ``WOD_API_``)."""

from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, HttpUrl, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from wod_api_db.accounts.issuer import Issuer
from wod_api_db.accounts.tokens import AccessTokens, Role
from wod_common.proxies import LOOPBACK, TrustedProxies
from wod_common.rotation import OtherSecret, taken
from wod_common.sealing import Sealer, derive_key
from wod_common.settings import ServiceSettings
from wod_common.tokens import CommandSigner


class Settings(ServiceSettings):
    """A process refuses to start without the database, the secret and the command key."""

    model_config = SettingsConfigDict(env_prefix="WOD_API_", frozen=True, ignored_types=(cached_property,))

    host: str = "127.0.0.1"
    port: int = 8021
    #: where the worker serves /metrics, at the same host; none by default
    worker_metrics_port: int | None = Field(default=None, ge=1, le=65_535)
    database_url: SecretStr
    #: one secret, at least 32 characters; the keys for its uses are derived from it
    secret: SecretStr = Field(min_length=32)
    #: taken beside it while the two are exchanged
    secret_other: OtherSecret = None
    #: PKCS#8 PEM file of the Ed25519 key that signs commands
    command_key: Path
    portal_url: str = "http://127.0.0.1:8080"
    brand: str = "Workshops-on-Demand"
    support: str = "workshops@localhost"
    mail_sender: str = "workshops@localhost"
    relay_host: str = "127.0.0.1"
    relay_port: int = 1025
    relay_username: str | None = None
    relay_password: SecretStr | None = None
    relay_tls: Literal["none", "starttls", "tls"] = "none"
    #: as of the relay, but to the locations' gates: where those ask for TLS or for a login
    gate_tls: Literal["none", "starttls", "tls"] = "none"
    gate_username: str | None = None
    gate_password: SecretStr | None = None
    deny_list: Path | None = None
    #: addresses and networks, with commas: whom ``X-Forwarded-For`` is believed, the portal above all
    trusted_proxies: TrustedProxies = LOOPBACK
    #: from one address: a conference's room may stand behind one
    registrations_per_minute: int = Field(default=600, ge=1)
    #: from one address: checking a password costs a tenth of a second of a processor
    logins_per_minute: int = Field(default=300, ge=1)
    #: for one user name
    wrong_passwords_per_minute: int = Field(default=20, ge=1)
    #: of classes, from one address: a room of people types one wrong now and then, and 40 bits are not guessed so
    wrong_codes_per_minute: int = Field(default=60, ge=1)
    #: where notices go; ``support`` where it is not set
    operator: str | None = None
    #: the mails' colour for buttons and marks, on which white can be read, and the one for dark screens
    accent: str = Field(default="#b83a0e", pattern=r"^#[0-9a-fA-F]{6}$")
    accent_dark: str = Field(default="#ff8a5c", pattern=r"^#[0-9a-fA-F]{6}$")
    #: a picture at most 40 pixels high, in the place of the name at the top of a mail
    logo_url: HttpUrl | None = None
    #: said below every mail, e.g. who answers for it by law
    footer: str = ""
    #: JSON, text to address: ``{"Imprint": "https://example.org/imprint"}``
    footer_links: dict[str, HttpUrl] = Field(default_factory=dict)
    #: serves the original's REST surface under /api as well, for its portal, its back ends and partners' sites
    legacy: bool = False
    #: the organisation's own sign-in service (OpenID Connect), and as what we are registered there; none by default
    oidc_issuer: HttpUrl | None = None
    oidc_client_id: str = ""
    #: the claim that names a person's groups, and the role that each gives, in JSON: ``{"staff": "moderator"}``
    oidc_claim: str = "groups"
    oidc_roles: dict[str, Literal["instructor", "moderator", "admin"]] = Field(default_factory=dict)
    #: content folders of workshops, separated by colons; of two workshops with one name the earlier folder's counts
    content: str = ""

    #: how long a registration may wait: for its location to take the command, and in the location's line
    acceptance_limit: timedelta = timedelta(minutes=30)
    #: the original apologises after this time too; a deployment takes seconds
    deployment_limit: timedelta = timedelta(minutes=10)
    #: so long room is kept for the first in line who was offered it; then it passes on to the next
    offer_limit: timedelta = Field(default=timedelta(minutes=15), ge=timedelta(minutes=1), le=timedelta(days=1))
    #: who has waited so long in vain is told so, and waits no more
    wait_limit: timedelta = Field(default=timedelta(days=14), ge=timedelta(hours=1), le=timedelta(days=365))
    #: the clock starts when the relay takes the credentials mail, at the latest this long after the lab is ready
    clock_grace: timedelta = timedelta(minutes=10)
    #: a claimed mail or command whose worker is gone is taken up again after this; above the mail's own time-out
    lease: timedelta = timedelta(seconds=12)
    #: a command that the agent has not confirmed is sent again, under the same id
    confirmation_limit: timedelta = timedelta(minutes=2)
    #: an accepted command that has been silent is sent again: its agent may have lost its disk
    silence_limit: timedelta = timedelta(minutes=15)
    #: with gaps of up to a minute: about an hour
    attempts_limit: int = 64
    #: days, or an ISO 8601 duration: so long after the end nothing leads from a registration to its person any more
    retention: timedelta = Field(default=timedelta(days=365), ge=timedelta(days=1), le=timedelta(days=36_500))

    @field_validator("retention", mode="before")
    @classmethod
    def _days(cls, value: object) -> object:
        """A bare number is in days: whoever writes 30 does not mean seconds."""
        return f"P{value}D" if isinstance(value, str) and value.isdecimal() else value

    @field_validator("database_url")
    @classmethod
    def _asyncpg(cls, value: SecretStr) -> SecretStr:
        """Plain ``postgresql://`` URLs, as everyone writes them, name SQLAlchemy's other driver."""
        _, separator, rest = value.get_secret_value().partition("://")
        if not separator:
            raise ValueError("the database URL has the form postgresql://user:password@host:port/name")
        return SecretStr(f"postgresql+asyncpg://{rest}")

    @property
    def plain_database_url(self) -> str:
        """For asyncpg itself, which does not know SQLAlchemy's scheme."""
        return self.database_url.get_secret_value().replace("+asyncpg", "", 1)

    @property
    def content_folders(self) -> list[Path]:
        return [Path(folder) for folder in self.content.split(":") if folder]

    @cached_property
    def signer(self) -> CommandSigner:
        return CommandSigner.from_pem(self.command_key.read_text())

    @cached_property
    def passwords(self) -> Sealer:
        """Seals the seats' passwords."""
        return self._sealer("seat-passwords")

    @cached_property
    def agent_tokens(self) -> Sealer:
        """Seals the tokens with which commands are sent to the locations' agents."""
        return self._sealer("agent-tokens")

    @cached_property
    def access_tokens(self) -> AccessTokens:
        return AccessTokens(self.secret, self.secret_other)

    @cached_property
    def issuer(self) -> Issuer | None:
        if self.oidc_issuer is None:
            return None
        roles = {group: Role(name) for group, name in self.oidc_roles.items()}
        return Issuer(str(self.oidc_issuer), self.oidc_client_id, self.oidc_claim, roles)

    @property
    def operator_address(self) -> str:
        return self.operator or self.support

    @property
    def _secrets(self) -> list[str]:
        return taken(self.secret, self.secret_other)

    def _sealer(self, purpose: str) -> Sealer:
        secret, *others = self._secrets
        return Sealer(secret, purpose, *others)

    def key(self, purpose: str) -> bytes:
        """For what is made now."""
        return self.keys(purpose)[0]

    def keys(self, purpose: str) -> list[bytes]:
        """For what is checked: while the secret is exchanged there are two."""
        return [derive_key(secret, purpose) for secret in self._secrets]


def gap(attempts: int, *, first: float = 0.5, longest: float = 60.0) -> timedelta:
    """The pause before the next try: doubled from ``first`` to ``longest`` seconds."""
    return timedelta(seconds=min(longest, first * 2 ** min(attempts - 1, 20)))
