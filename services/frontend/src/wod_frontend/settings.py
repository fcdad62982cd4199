"""The portal's settings, from the environment with the prefix ``WOD_PORTAL_``."""

from pathlib import Path

from pydantic import AnyHttpUrl, BaseModel, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from wod_common.proxies import LOOPBACK, TrustedProxies
from wod_common.rotation import OtherSecret
from wod_common.settings import ServiceSettings


class OidcSettings(BaseModel):
    """The organisation's own sign-in service, as this portal is registered there; back to ``/console/oidc/back``."""

    issuer: AnyHttpUrl
    client_id: str = Field(min_length=1)
    client_secret: SecretStr
    #: what the sign-in page calls it
    name: str = Field(default="OpenID Connect", min_length=1, max_length=60)
    scope: str = "openid email profile"


class Settings(ServiceSettings):
    """``SECRET`` has no default: a portal with a known signing key would take forged forms."""

    model_config = SettingsConfigDict(
        env_prefix="WOD_PORTAL_", env_nested_delimiter="__", frozen=True, hide_input_in_errors=True
    )

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65535)
    #: where the api-db answers, without ``/api/v1``
    api_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:8021")
    #: signs the tokens of the forms
    secret: SecretStr = Field(min_length=16)
    #: taken beside it while the two are exchanged
    secret_other: OtherSecret = None
    #: where visitors reach the portal; an https address makes its cookie ``Secure``
    public_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:8080")
    brand: str = Field(default="Workshops-on-Demand", min_length=1, max_length=60)
    #: a folder of the private overlay: branding.yml, its logo, pictures and texts
    branding: Path | None = None
    #: addresses and networks, with commas: the reverse proxies whose ``X-Forwarded-For`` names the visitor
    trusted_proxies: TrustedProxies = LOOPBACK
    #: ``WOD_PORTAL_OIDC__ISSUER`` and so on; without it operators sign in with accounts of the api-db alone
    oidc: OidcSettings | None = None
