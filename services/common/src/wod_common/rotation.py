"""A second secret that is as good as the first, while the two are exchanged; see ``wod_common.keys``."""

from typing import Annotated, Any

from pydantic import BeforeValidator, SecretStr


def _empty_is_none(value: Any) -> Any:
    return None if value == "" else value


#: Set while secrets are rotated and empty otherwise.
OtherSecret = Annotated[SecretStr | None, BeforeValidator(_empty_is_none)]


def taken(secret: SecretStr, other: SecretStr | None) -> list[str]:
    """The secrets that count, the one to use for what is made now first."""
    return [secret.get_secret_value(), *([other.get_secret_value()] if other else [])]
