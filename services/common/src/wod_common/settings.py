"""What the settings of every service have in common: none starts with a secret that everybody can read in the template."""

from collections.abc import Iterator
from typing import Self

from pydantic import BaseModel, SecretStr, model_validator
from pydantic_settings import BaseSettings

#: Whatever stands for a secret in ``private-template/`` and in the documentation has one of these in it.
PLACEHOLDERS = ("change-me", "changeme", "replace-me")


class ServiceSettings(BaseSettings):
    """Refuses placeholders; the message names every setting that has one, and shows no value."""

    @model_validator(mode="after")
    def _no_secret_of_the_template(self) -> Self:
        prefix = self.model_config.get("env_prefix", "")
        public = [
            f"{prefix}{name.upper()}"
            for name in type(self).model_fields
            if any(map(is_placeholder, secrets_in(getattr(self, name))))
        ]
        if public:
            raise ValueError(
                f"{', '.join(public)} still has the value of the template, which everybody knows; "
                f"give it one of your own, as 'openssl rand -base64 32' makes them"
            )
        return self


def secrets_in(value: object) -> Iterator[str]:
    """Of a setting, however deep: an address with a password in it is one too."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secrets_in(getattr(value, name))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from secrets_in(one)


def is_placeholder(secret: str) -> bool:
    return any(word in secret.casefold() for word in PLACEHOLDERS)
