"""Wrong join codes are counted for each network, and whoever has tried too many is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from wod_api_db.classes.errors import ClassUnknown
from wod_api_db.limits import ClientAddress, LimitsDep, RateLimits


@dataclass(frozen=True)
class CodeGuesses:
    """Of one caller."""

    limits: RateLimits
    address: str

    @contextmanager
    def counted(self, *, of: str | None) -> Iterator[None]:
        """Around a look-up by code; without one nothing is counted. Raises TooManyRequests."""
        if of is not None:
            self.limits.check_codes(self.address)
        try:
            yield
        except ClassUnknown:
            self.limits.wrong_code(self.address)
            raise


async def _guesses(limits: LimitsDep, address: ClientAddress) -> CodeGuesses:
    return CodeGuesses(limits, address)


CodeGuessesDep = Annotated[CodeGuesses, Depends(_guesses)]
