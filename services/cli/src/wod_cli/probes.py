"""What ``wod doctor`` looks at by itself, from where the operator sits: answers, clocks, certificates, hubs."""

import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import combinations
from typing import Any

import httpx

TIMEOUT = 10.0
#: a command's token bears two minutes
CLOCK = timedelta(minutes=1)
RENEW = timedelta(days=14)
DISK_BELOW = 0.05
#: with these a token of the hub is more than the agent needs: it could read or be every student
_TOO_MUCH = frozenset({"users", "tokens", "groups", "shares", "shutdown", "proxy", "inherit", "self", "read:tokens"})


@dataclass(frozen=True)
class Finding:
    """The same as the API's own."""

    check: str
    subject: str
    ok: bool
    detail: str
    mend: str = ""


def answers(check: str, url: str, path: str, mend: str) -> Iterator[Finding]:
    """Whether somebody is there, with a right clock and a certificate that is good for a while."""
    yield from certificate(url)
    try:
        # what is told of the certificate is told by now
        answer = httpx.get(f"{url.rstrip('/')}{path}", timeout=TIMEOUT, verify=False, trust_env=False)  # noqa: S501
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        yield Finding(check, url, False, f"does not answer: {error}", mend)
        return
    yield Finding(check, url, answer.is_success, f"answers {answer.status_code}", "" if answer.is_success else mend)
    if date := answer.headers.get("date"):
        yield _clock(url, date)


def _clock(url: str, date: str) -> Finding:
    try:
        off = parsedate_to_datetime(date) - datetime.now(UTC)
    except (ValueError, TypeError):
        return Finding("clock", url, False, f"says the date {date[:40]!r}", "look what answers at this address")
    if abs(off) < CLOCK:
        return Finding("clock", url, True, "agrees with the one here")
    mend = "set the clocks by NTP (chrony or systemd-timesyncd), there and here: signed commands bear two minutes"
    return Finding("clock", url, False, f"is {off.total_seconds():+.0f} s off from the one here", mend)


def certificate(url: str) -> Iterator[Finding]:
    """Of an https address."""
    parts = httpx.URL(url)
    if parts.scheme != "https":
        return
    where = f"{parts.host}:{parts.port or 443}"
    mend = "renew the certificate (certbot renew, or what the proxy has for it), and reload what serves it"
    try:
        with (
            socket.create_connection((parts.host, parts.port or 443), TIMEOUT) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=parts.host) as connection,
        ):
            told = connection.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        yield Finding("certificate", where, False, error.verify_message, mend)
        return
    except OSError as error:
        yield Finding("certificate", where, False, f"cannot be seen: {error}", "start what serves it, or mend its TLS")
        return
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(told["notAfter"])), UTC)
    good = ends - datetime.now(UTC) > RENEW
    yield Finding("certificate", where, good, f"is good until {ends:%Y-%m-%d}", "" if good else mend)


def location(row: Mapping[str, Any]) -> Iterator[Finding]:
    """What its agent tells of it."""
    name, health = str(row["name"]), row["health"]
    if not row["healthy"]:
        mend = (
            "start the hub, or the agent, and look at its log"
            if "hub" in row["unhealthy_reason"]
            else "start the agent"
        )
        yield Finding("location", name, False, row["unhealthy_reason"], mend)
    if row["seats"]["broken"]:
        mend = "wod seats list --state broken; mend the cause, then wod seats clean"
        yield Finding("seats", name, False, f"{row['seats']['broken']} seats are broken", mend)
    for what, left, whole in (("disk", "disk_free", "disk_total"), ("memory", "memory_available", "memory_total")):
        if health.get(whole):
            share = health.get(left, 0) / health[whole]
            ok = share >= DISK_BELOW
            mend = "" if ok else f"make room: no lab can be made without {what} (journalctl --vacuum-size, old homes)"
            yield Finding(what, name, ok, f"{share:.0%} is left", mend)


def versions(own: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Agents of another release than the api-db."""
    for row in rows:
        if version := row["health"].get("version"):
            same = version == own
            mend = "" if same else "bring all services to one release, the api-db first"
            yield Finding("version", row["name"], same, f"agent {version}, api-db {own}", mend)


def overlaps(rows: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Two locations with the same global ids of seats."""
    held = [row for row in rows if row["seats"]["total"]]
    for one, two in combinations(held, 2):
        first, second = sorted((one, two), key=lambda row: row["basestdid"])
        end = first["basestdid"] + first["seats"]["total"]
        if second["basestdid"] < end:
            detail = f"seats up to {end}, and those of {second['name']} begin at {second['basestdid'] + 1}"
            mend = f"give one of the two fewer seats, or make {second['name']} anew with a basestdid of {end} or more"
            yield Finding("basestdid", first["name"], False, detail, mend)


def hub_token(hub_url: str, token: str) -> Finding:
    """Whether the agent's token at the hub can do what it needs and no more."""
    try:
        headers = {"Authorization": f"token {token}"}
        where, believed = f"{hub_url.rstrip('/')}/hub/api/user", httpx.create_ssl_context()
        answer = httpx.get(where, headers=headers, timeout=TIMEOUT, trust_env=False, verify=believed)
        scopes = answer.raise_for_status().json()["scopes"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        mend = "give the agent the token that the hub's configuration has for it"
        return Finding("hub token", hub_url, False, f"is not taken: {error}", mend)
    bases = {str(scope).partition("!")[0] for scope in scopes}
    excess = sorted(base for base in bases if base in _TOO_MUCH or base.startswith(("admin:", "access:")))
    if excess:
        mend = "leave the agent's role at the hub with the scopes servers and custom:wod:evict, and make the token anew"
        return Finding("hub token", hub_url, False, f"can do too much: {', '.join(excess)}", mend)
    return Finding("hub token", hub_url, True, "can do what the agent needs")
