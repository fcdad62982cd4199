"""Keeps secrets out of what is shown."""

import json
from collections.abc import Iterable

MASK = "(secret)"
#: What is shorter is no secret, and masking it would only garble the text.
SHORTEST = 4


def masked(text: str, secrets: Iterable[str]) -> str:
    """The longest first: one secret may be part of another."""
    for form in forms(secrets):
        text = text.replace(form, MASK)
    return text


def forms(secrets: Iterable[str]) -> list[str]:
    """How each may stand in a text, plain or within JSON; the longest first, and none that is too short."""
    found = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
    return sorted(found, key=len, reverse=True)


def _forms(secret: str) -> tuple[str, str, str]:
    return secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]
