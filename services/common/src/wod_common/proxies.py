"""Whom to believe when he says on whose behalf he calls (``X-Forwarded-For``)."""

from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator

LOOPBACK = "127.0.0.0/8,::1"


def _networks(value: str) -> str:
    """Raises ValueError naming an entry that is neither address nor network: a mistyped one would trust nobody."""
    for entry in filter(None, (entry.strip() for entry in value.split(","))):
        ip_network(entry)
    return value


#: Addresses and networks with commas between them, as uvicorn's ``ProxyHeadersMiddleware`` reads them.
TrustedProxies = Annotated[str, AfterValidator(_networks)]
