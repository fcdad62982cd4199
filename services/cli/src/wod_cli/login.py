"""Logging in and out."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from wod_cli import logins
from wod_cli.calls import URL_VARIABLE, Call, command, is_clear, root_of
from wod_cli.failures import Failure, Misused

AccountOption = Annotated[str | None, typer.Option("--account", help="The account's user name.")]
HoursOption = Annotated[float, typer.Option("--hours", min=0.05, max=12, help="How long the login is good for.")]


def add_to(app: typer.Typer) -> None:
    command(app, "login")(login)
    command(app, "logout")(logout)
    command(app, "whoami")(whoami)


def login(call: Call, account: AccountOption = None, hours: HoursOption = 8.0) -> None:
    """Logs in. The password is asked for, or read from stdin: it is never an argument, for everyone sees those."""
    before = logins.current_or_none()
    url = root_of(call.url or (before.url if before else ""))
    username = account or (before.username if before else None)
    if not url:
        raise Misused(f"which API? Give its address with --url or {URL_VARIABLE}")
    if username is None:
        raise Misused("which account? Give its user name with --account")
    if is_clear(url):
        call.out.remark(f"{url} is not encrypted: the password can be read on the way")
    with call.at(url) as api:
        body = {"username": username, "password": _password(username, url), "lifetime": int(hours * 3600)}
        answer = api.post("login", body)
    expires = datetime.now(UTC) + timedelta(seconds=answer["expires_in"])
    found = logins.Login(
        url, answer["username"], answer["role"], answer["access_token"], expires.isoformat("T", "seconds")
    )
    logins.keep(found)
    _tell(call, found)


def logout(call: Call) -> None:
    """Forgets the login on this machine."""
    was = logins.forget()
    call.out.done("logged out" if was else "nobody was logged in", {"logged_out": was})


def whoami(call: Call) -> None:
    """Who is logged in, where, and how long."""
    found = logins.current()
    if found is None:
        raise logins.nobody()
    _tell(call, found)


def _tell(call: Call, found: logins.Login) -> None:
    public = {"url": found.url, "username": found.username, "role": found.role, "expires_at": found.expires_at}
    call.out.done(f"{found.username} ({found.role}) is logged in at {found.url} until {found.expires_at}", public)


def _password(username: str, url: str) -> str:
    if sys.stdin.isatty():
        return str(typer.prompt(f"Password of {username} at {url}", hide_input=True, err=True))
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise Failure("no password came on stdin; write it there, or run wod login in a terminal")
    return password
