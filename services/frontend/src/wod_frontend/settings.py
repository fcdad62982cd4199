"""The portal's settings, from the environment with the prefix ``WOD_PORTAL_``."""

from pathlib import Path

from pydantic import AnyHttpUrl, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from wod_common.proxies import LOOPBACK, TrustedProxies
from wod_common.rotation import OtherSecret


class Settings(BaseSettings):
    """``SECRET`` has no default: a portal with a known signing key would take forged forms."""

    model_config = SettingsConfigDict(env_prefix="WOD_PORTAL_", frozen=True)

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
