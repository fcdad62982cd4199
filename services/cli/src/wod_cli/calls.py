"""What every command has in common: its address, its output, and how it fails."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from wod_cli import logins
from wod_cli.client import Api
from wod_cli.failures import Failure, Misused, NotLoggedIn
from wod_cli.output import Output

URL_VARIABLE = "WOD_API_URL"
WAY_OUT = f"is the address right? (--url, {URL_VARIABLE}, or that of wod login)"

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, errors as JSON on stderr.")]
UrlOption = Annotated[
    str | None, typer.Option("--url", envvar=URL_VARIABLE, help="The API's address; by default that of the login.")
]
TimeoutOption = Annotated[float, typer.Option("--timeout", min=0.1, max=3600, help="Seconds to wait for an answer.")]


@dataclass(frozen=True)
class Call:
    """One run of one command."""

    out: Output
    url: str | None
    timeout: float

    @contextmanager
    def api(self) -> Iterator[Api]:
        """As the account that is logged in. Raises NotLoggedIn."""
        login = logins.current()
        if login is None:
            raise logins.nobody()
        if self.url is not None and root_of(self.url) != login.url:
            raise NotLoggedIn(
                f"{login.username} is logged in at {login.url}, not at {self.url}; wod login --url {self.url}"
            )
        if login.is_over:
            raise NotLoggedIn(f"the login of {login.username} was good until {login.expires_at}; wod login")
        with self.at(login.url, login.token) as api:
            yield api

    def at(self, url: str, token: str | None = None) -> Api:
        return Api(f"{url}/api/v1/", self.timeout, token=token, way_out=WAY_OUT)


def root_of(url: str) -> str:
    """Without what follows the host: ``/api/v1`` and a slash at the end may be given or not."""
    return url.rstrip("/").removesuffix("/api/v1").rstrip("/")


_COMMON = {"json": (JsonOption, False), "url": (UrlOption, None), "timeout": (TimeoutOption, 30.0)}


def command(app: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Registers a function whose first parameter is a ``Call``; its options ``--json``, ``--url`` and ``--timeout`` are added."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        _, *own = inspect.signature(function).parameters.values()
        common = [
            inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for option, (kind, default) in _COMMON.items()
        ]

        def run(**given: Any) -> None:
            as_json, url, timeout = (given.pop(option) for option in _COMMON)
            call = Call(Output(as_json=as_json), url, timeout)
            try:
                function(call, **given)
            except Failure as failure:
                call.out.failure(failure)
                raise typer.Exit(failure.code) from None

        parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own] + common
        # Typer reads both to know what the command takes
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        run.__doc__ = function.__doc__
        app.command(name)(run)
        return function

    return register


def group(name: str, help_: str) -> typer.Typer:
    """Commands about one kind of thing."""
    return typer.Typer(name=name, help=help_, no_args_is_help=True)


def seat_range(text: str | None) -> tuple[int | None, int | None]:
    """``7`` is one seat, ``1,3`` a range, nothing all of the workshop's. Raises Misused."""
    if text is None:
        return None, None
    first, comma, last = text.partition(",")
    numbers = [first, last] if comma else [first]
    if not all(number.isascii() and number.isdigit() and len(number) <= 6 for number in numbers):
        raise Misused(f"{text!r} is no seat and no range of seats: 7 is one, 1,3 are three")
    return int(numbers[0]), int(numbers[-1])


def is_clear(url: str) -> bool:
    """Whether what is sent there can be read on the way."""
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
    return url.startswith("http://") and not host.startswith(("127.", "localhost", "[::1]"))
