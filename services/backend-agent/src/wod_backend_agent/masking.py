"""Keeps secrets out of what is shown."""

from collections.abc import Iterable

MASK = "(secret)"
#: What is shorter is no secret, and masking it would only garble the text.
SHORTEST = 4


def masked(text: str, secrets: Iterable[str]) -> str:
    """The longest first: one secret may be part of another."""
    for secret in sorted({one for one in secrets if len(one) >= SHORTEST}, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text
