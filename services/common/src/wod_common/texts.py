"""What a text from outside must not hold: PostgreSQL takes no NUL, and a lone surrogate can be neither stored nor hashed."""

from pydantic import AfterValidator, SecretStr


def _is_text(secret: SecretStr) -> SecretStr:
    if any(letter == "\x00" or "\ud800" <= letter <= "\udfff" for letter in secret.get_secret_value()):
        raise ValueError("must be text, without NUL and lone surrogates")
    return secret


#: Beside a ``SecretStr``, which pydantic does not look into as it does into ``str``.
OnlyText = AfterValidator(_is_text)
