"""How often a stranger may ask. In this process's memory: several api-dbs each count for themselves."""

import math
import time
from ipaddress import ip_address, ip_network
from typing import Annotated

from fastapi import Depends, Request
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from wod_api_db.settings import Settings
from wod_common.problems import TooManyRequests

#: Who is counted falls into one of so many slots: however many addresses and names are tried, memory stays small.
#: Python's hash is keyed, so nobody can choose to share a slot.
_SLOTS = 2**16


class RateLimits:
    """The process's counters, over a minute that moves with the clock."""

    def __init__(self, settings: Settings) -> None:
        self._window = MovingWindowRateLimiter(MemoryStorage())
        self._registrations = RateLimitItemPerMinute(settings.registrations_per_minute)
        self._logins = RateLimitItemPerMinute(settings.logins_per_minute)
        self._wrong_codes = RateLimitItemPerMinute(settings.wrong_codes_per_minute)
        self._wrong_passwords = RateLimitItemPerMinute(settings.wrong_passwords_per_minute)

    def registration(self, address: str) -> None:
        """Counts a try to register. Raises TooManyRequests."""
        self._count(self._registrations, "registration", address, "registrations from one network")

    def login(self, address: str, username: str) -> None:
        """Counts a try to log in, and refuses it where the user name was tried with wrong passwords too often.

        Raises TooManyRequests.
        """
        self.check_guesses(username)
        self._count(self._logins, "login", address, "logins from one network")

    def check_codes(self, address: str) -> None:
        """Raises TooManyRequests where ``wrong_code`` has been called too often."""
        identity = ("code", _slot(address))
        if not self._window.test(self._wrong_codes, *identity):
            raise self._refusal(self._wrong_codes, identity, "wrong codes from one network")

    def wrong_code(self, address: str) -> None:
        """Counts it; a class that joins from behind one address is not slowed down."""
        self._window.hit(self._wrong_codes, "code", _slot(address))

    def check_guesses(self, username: str) -> None:
        """Raises TooManyRequests where ``wrong_password`` has been called too often."""
        identity = ("guess", _slot(username))
        if not self._window.test(self._wrong_passwords, *identity):
            raise self._refusal(self._wrong_passwords, identity, "wrong passwords for one account")

    def wrong_password(self, username: str) -> None:
        """Counts it; whoever knows the password is not slowed down by logging in often."""
        self._window.hit(self._wrong_passwords, "guess", _slot(username))

    def _count(self, item: RateLimitItem, kind: str, who: str, what: str) -> None:
        identity = (kind, _slot(who))
        if not self._window.hit(item, *identity):
            raise self._refusal(item, identity, what)

    def _refusal(self, item: RateLimitItem, identity: tuple[str, str], what: str) -> TooManyRequests:
        reset = self._window.get_window_stats(item, *identity).reset_time
        seconds = max(1, math.ceil(reset - time.time()))
        return TooManyRequests(
            f"more than {item.amount} {what} within a minute; try again in {seconds} s",
            headers={"Retry-After": str(seconds)},
        )


def _slot(who: str) -> str:
    return str(hash(who) % _SLOTS)


async def _limits(request: Request) -> RateLimits:
    limits: RateLimits = request.app.state.limits
    return limits


async def _client_address(request: Request) -> str:
    """An IPv6 caller has a whole /64 to himself, and counts as that."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else host


LimitsDep = Annotated[RateLimits, Depends(_limits)]
#: The caller's, IPv6 as its /64; the visitor's where a trusted proxy names it.
ClientAddress = Annotated[str, Depends(_client_address)]


async def _registration(limits: LimitsDep, address: ClientAddress) -> None:
    limits.registration(address)


#: ``dependencies=[LimitedRegistration]`` on a route that registers.
LimitedRegistration = Depends(_registration)
