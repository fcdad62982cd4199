"""``python trial_walk.py WORKSHOP EMAIL [KERNEL]``, on the installed host: a visitor from the portal's form to a cell that ran.

All of it by the public names, through TLS with the certificate that was made there. The mails are read in the mail catcher.
Prints what was seen; exit code 1 with a sentence at the first thing that is not as it should be.
"""

import asyncio
import re
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.asyncio.client import connect

from wod_jupyterhub.testing import run_cell

PORTAL, API, HUB = (f"https://{name}.example.org" for name in ("workshops", "api", "lab1"))
MAILBOX = "http://127.0.0.1:8025"
CERTIFICATE = "/etc/wod/tls/own.crt"
PATIENCE = 180.0  # seconds for each step
#: Asked from within a lab: which of the host's own ports it reaches, and whether it sees what is not its own.
LOOK_AROUND = """
import os, socket
def reached(port):
    try:
        socket.create_connection(("127.0.0.1", port), 3).close()
    except OSError:
        return False
    return True
print([port for port in (25, 5432, 8021, 8022, 8030, 8080, 10025) if reached(port)], os.access("/etc/wod/agent.env", os.R_OK))
"""
NOTHING_ELSE = "[] False\n"


class Wrong(Exception):
    """What a visitor was to see and did not."""


@dataclass(frozen=True)
class Visit:
    web: httpx.AsyncClient
    tls: ssl.SSLContext
    token: str

    async def registration(self) -> dict[str, Any]:
        answer: dict[str, Any] = (await self.web.get(f"{API}/api/v1/registrations/{self.token}")).json()
        return answer


async def until(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := await look()):
        if time.monotonic() > deadline:
            raise Wrong(f"{what} did not come within {PATIENCE:.0f} s")
        await asyncio.sleep(0.2)
    return found


async def form_token(web: httpx.AsyncClient, page: str) -> str:
    text = (await web.get(page)).raise_for_status().text
    found = re.search(r'name="form_token" value="([^"]+)"', text)
    if found is None:
        raise Wrong(f"{page} has no form")
    return found[1]


async def register(web: httpx.AsyncClient, workshop: str, email: str) -> str:
    """The registration's token."""
    page = f"{PORTAL}/workshops/{workshop}"
    form = {"name": "Ada Martin", "email": email, "terms": "yes", "form_token": await form_token(web, page)}
    answer = await web.post(page, data=form)
    if answer.status_code != httpx.codes.SEE_OTHER:
        raise Wrong(f"the portal answered {answer.status_code} to the form: {answer.text[:2000]}")
    return answer.headers["location"].rpartition("/sessions/")[2].partition("?")[0]


async def credentials(web: httpx.AsyncClient, email: str) -> tuple[str, str] | None:
    for mail in (await web.get(f"{MAILBOX}/messages")).json():
        whole = (await web.get(f"{MAILBOX}/messages/{mail['id']}")).json()
        if email not in str(whole):
            continue
        found = re.search(r"^User name:\s+(\S+)$.*?^Password:\s+(\S+)$", whole["text"].replace("\r", ""), re.M | re.S)
        if found:
            return found[1], found[2]
    return None


async def sign_in(web: httpx.AsyncClient, username: str, password: str) -> httpx.Response:
    page = await web.get(f"{HUB}/hub/login")
    xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
    if xsrf is None:
        raise Wrong(f"the hub has no form to sign in: {page.status_code}")
    form = {"_xsrf": xsrf[1], "username": username, "password": password}
    return await web.post(f"{HUB}/hub/login", data=form)


async def lab(web: httpx.AsyncClient, username: str) -> str | None:
    """The lab's address, once it is there; it has a name of its own."""
    page = await web.get(f"{HUB}/hub/user-redirect/lab", follow_redirects=True)
    if page.status_code == httpx.codes.OK and f"/user/{username}/lab" in page.url.path:
        return f"https://{page.url.host}/user/{username}"
    return None


async def run(visit: Visit, address: str, kernel: str, code: str) -> str:
    """What the code prints in a kernel of that name."""
    web = visit.web
    xsrf = [c.value or "" for c in web.cookies.jar if c.name == "_xsrf" and c.path.startswith("/user/")]
    headers = {"X-XSRFToken": xsrf[-1] if xsrf else ""}
    made = await web.post(f"{address}/api/kernels", json={"name": kernel}, headers=headers)
    if made.status_code != httpx.codes.CREATED:
        raise Wrong(f"the kernel {kernel} does not start: {made.status_code} {made.text[:500]}")
    channels = web.build_request("GET", f"{address}/api/kernels/{made.json()['id']}/channels")
    url, origin = str(channels.url).replace("https", "wss", 1), address.partition("/user/")[0]
    cookies = {"Cookie": channels.headers.get("Cookie", ""), "Origin": origin}
    async with asyncio.timeout(PATIENCE), connect(url, additional_headers=cookies, ssl=visit.tls, proxy=None) as socket:
        return await run_cell(socket, code)


async def walk(workshop: str, email: str, kernels: list[str]) -> str:
    tls = ssl.create_default_context(cafile=CERTIFICATE)
    async with httpx.AsyncClient(verify=tls, timeout=60, trust_env=False) as web:
        began = time.monotonic()
        visit = Visit(web, tls, await register(web, workshop, email))

        async def runs() -> bool:
            return bool((await visit.registration())["state"] == "running")

        await until(runs, "a lab that runs")
        username, password = await until(lambda: credentials(web, email), "the mail with the password")
        mailed = time.monotonic() - began
        if (await sign_in(web, username, "wrong")).status_code == httpx.codes.FOUND:
            raise Wrong("the hub takes any password")
        if (await sign_in(web, username, password)).status_code != httpx.codes.FOUND:
            raise Wrong("the hub does not take the password that was mailed")
        address = await until(lambda: lab(web, username), "the lab's page")
        opened = time.monotonic() - began
        await look_around(visit, address, username, kernels)
        await end(visit)
    return f"{username}: mail with the password after {mailed:.1f} s, lab open after {opened:.1f} s, ended, seat clean"


async def look_around(visit: Visit, address: str, username: str, kernels: list[str]) -> None:
    if f"//{username}." not in address:
        raise Wrong(f"the lab has no name of its own: {address}")
    found = await run(visit, address, "python3", LOOK_AROUND)
    if found != NOTHING_ELSE:
        raise Wrong(f"a lab reaches what is not its own: {found}")
    for kernel in kernels:
        said = await run(visit, address, kernel, "echo it is $((6 * 7))" if kernel == "bash" else "1")
        if kernel == "bash" and "it is 42" not in said:
            raise Wrong(f"the kernel {kernel} says {said!r}")


async def end(visit: Visit) -> None:
    page = f"{PORTAL}/sessions/{visit.token}"
    answer = await visit.web.post(f"{page}/end", data={"form_token": await form_token(visit.web, page)})
    if answer.status_code != httpx.codes.SEE_OTHER:
        raise Wrong(f"the portal answered {answer.status_code} to the end: {answer.text[:500]}")

    async def clean() -> bool:
        return bool((await visit.registration())["cleaned"])

    await until(clean, "a clean seat")


if __name__ == "__main__":
    try:
        sys.stdout.write(asyncio.run(walk(sys.argv[1], sys.argv[2], sys.argv[3:])) + "\n")
    except (Wrong, httpx.HTTPError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
