"""What a student's own shell reaches of the platform on the same machine, and what refuses it.

On loopback no network rule stands between them: each refusal is the service's own, by authentication, or the kernel's, by
permissions.
"""

import json
from typing import Any

import pytest
from intruder import Intruder

pytestmark = pytest.mark.timeout(300)

HTTP = """
import json, urllib.error, urllib.request
def ask(method, port, path, headers, body):
    data = body.encode() if body is not None else None
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers, method=method)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return [answer.status, answer.url]
    except urllib.error.HTTPError as refused:
        return [refused.code, refused.url]
"""
CREATE = {
    "id": "00000000-0000-4000-8000-000000000001", "verb": "PURGE", "location": 1, "student": 1, "registration": 1,
    "workshop": "WKSHP-Jupyter101", "generation": 9, "sequence": 9,
}  # fmt: skip
GUESSES: list[dict[str, str]] = [
    {},
    {"Authorization": "Bearer guessed-guessed-guessed"},
    {"Authorization": "Basic YTpi"},
]


async def ask(
    intruder: Intruder, method: str, port: str, path: str, headers: dict[str, str], body: object = None
) -> tuple[int, str]:
    headers = {"Content-Type": "application/json"} | headers
    arguments = [method, intruder.port(port), path, headers, None if body is None else json.dumps(body)]
    printed = await intruder.run(f"{HTTP}\nprint(json.dumps(ask(*json.loads({json.dumps(arguments)!r}))))")
    status, url = json.loads(printed)
    return int(status), str(url)


@pytest.mark.parametrize("headers", GUESSES, ids=["nothing", "a token", "a password"])
@pytest.mark.parametrize(
    ("method", "port", "path", "body"),
    [
        ("POST", "agent", "/commands", CREATE),
        ("GET", "agent", "/commands", None),
        ("GET", "agent", f"/commands/{CREATE['id']}/events", None),
        ("POST", "agent", "/hub/login", {"username": "student1", "password": "x"}),
        ("GET", "api", "/api/v1/registrations", None),
        ("GET", "api", "/api/v1/students", None),
        ("POST", "api", f"/api/v1/commands/{CREATE['id']}/events", {"number": 1, "type": "done"}),
        ("POST", "api", "/api/v1/locations/1/heartbeat", {}),
        ("GET", "hub_proxy", "/api/routes", None),
        ("POST", "hub_proxy", "/api/routes/user/student1", {"target": "http://127.0.0.1:1"}),
        ("DELETE", "hub_proxy", "/api/routes/", None),
        ("GET", "hub_internal", "/hub/api/users", None),
        ("POST", "hub_internal", "/hub/api/shutdown", {}),
        ("POST", "hub_internal", "/hub/wod/seats/student1/evict", {}),
    ],
)
async def test_an_api_asks_for_authentication(
    intruder: Intruder, method: str, port: str, path: str, body: object, headers: dict[str, str]
) -> None:
    status, _ = await ask(intruder, method, port, path, headers, body)
    assert status in {401, 403}


async def test_the_own_servers_token_is_good_for_nothing_else(intruder: Intruder) -> None:
    token = (await intruder.run("import os; print(os.environ['JUPYTERHUB_API_TOKEN'])")).strip()
    for path in ("/hub/api/users", f"/hub/api/users/{intruder.neighbour}", "/hub/api/proxy", "/hub/api/services"):
        status, _ = await ask(intruder, "GET", "hub_internal", path, {"Authorization": f"token {token}"})
        assert status in {403, 404}, path
    status, _ = await ask(intruder, "GET", "hub_proxy", "/api/routes", {"Authorization": f"token {token}"})
    assert status in {401, 403}


async def test_the_neighbours_server_asks_for_authentication(intruder: Intruder) -> None:
    """At its own port, past the proxy."""
    server = await intruder.run("import os; print(os.environ.get('JUPYTERHUB_SERVICE_URL'))")
    assert "127.0.0.1" in server
    token = (await intruder.run("import os; print(os.environ['JUPYTERHUB_API_TOKEN'])")).strip()
    tried = 0
    for port in await listening(intruder):
        for headers in ({}, {"Authorization": f"token {token}"}):
            printed = await intruder.run(
                f"{HTTP}\ntry: print(ask('GET', {port}, '/user/{intruder.neighbour}/api/contents', {headers!r}, None))\n"
                "except OSError: print('no HTTP')\nexcept Exception as error: print(error)"
            )
            tried += "/user/" in printed or "login" in printed
            assert not printed.startswith("[200") or "/hub/login" in printed, f"{port}: {printed}"
    assert tried


async def listening(intruder: Intruder) -> list[int]:
    printed = await intruder.run(
        "print([int(line.split()[1].split(':')[1], 16) for line in open('/proc/net/tcp').readlines()[1:]"
        f" if line.split()[3] == '0A' and line.split()[7] in ('{uid_of(intruder, intruder.neighbour)}',)])"
    )
    ports: list[int] = json.loads(printed)
    assert ports
    return ports


def uid_of(intruder: Intruder, username: str) -> int:
    return int(intruder.platform.home(username).stat().st_uid)


async def test_the_gate_takes_no_unsigned_command(intruder: Intruder) -> None:
    mail = "Subject: PURGE 1 1\r\n\r\nWKSHP-Jupyter101\r\n"
    printed = await intruder.run(
        f"import smtplib\nwith smtplib.SMTP('127.0.0.1', {intruder.port('mailgate')}, timeout=30) as gate:\n"
        f" gate.sendmail('wod@api.example', ['wodadmin@localhost'], {mail!r})"
    )
    assert "550" in printed
    assert "is not listed" in printed


async def test_the_mail_catcher_shows_students_nothing_and_takes_nothing_of_them(intruder: Intruder) -> None:
    for path in ("/", "/messages", "/static/mailbox.css"):
        assert (await ask(intruder, "GET", "mailbox", path, {}))[0] == 403
    printed = await intruder.run(
        f"import smtplib\nwith smtplib.SMTP('127.0.0.1', {intruder.port('mailbox_smtp')}, timeout=30) as catcher:\n"
        " catcher.sendmail('workshops@example.org', ['neighbour@example.org'], 'Subject: Your lab is ready\\r\\n\\r\\n')"
    )
    assert "550" in printed
    assert (await intruder.platform.http.get(f"{intruder.platform.urls['mailbox']}/messages")).status_code == 200


async def test_the_database_asks_for_a_password(intruder: Intruder) -> None:
    for user in ("postgres", "wod"):
        printed = await intruder.run(
            f"import asyncpg\ntry: await asyncpg.connect(host='127.0.0.1', port={intruder.port('pg')}, user='{user}',"
            " password='guessed', database='postgres', timeout=30); print('in')\n"
            "except asyncpg.PostgresError as error: print(type(error).__name__)"
        )
        assert printed == "InvalidPasswordError\n"


async def test_nothing_of_the_platforms_files_can_be_read(intruder: Intruder) -> None:
    """The journal, keys, secrets, mails, logs, the hub's state, the neighbour's home, whatever is added to them."""
    code = f"""
import os
found = []
for folder, folders, names in os.walk({str(intruder.root)!r}):
    own = folder.startswith(os.path.expanduser('~'))
    if own: folders.clear(); continue
    found += [os.path.join(folder, n) for n in names if os.access(os.path.join(folder, n), os.R_OK)]
    found += [os.path.join(folder, n) for n in folders if os.access(os.path.join(folder, n), os.W_OK) and os.path.join(folder, n) != os.path.expanduser('~')]
print(found)
"""
    assert await intruder.run(code) == "[]\n"
    private = [
        path for path in ("agent", "keys", "mail", "log", "hub", "secrets.json") if (intruder.root / path).exists()
    ]
    assert len(private) == 6
    for path in [intruder.root / name for name in private] + [intruder.platform.home(intruder.neighbour)]:
        read = await intruder.run(
            f"import os; os.listdir({str(path)!r}) if os.path.isdir({str(path)!r}) else open({str(path)!r})"
        )
        assert "Permission denied" in read, path


PROCESSES = """
import os
found = []
for pid in filter(str.isdigit, os.listdir('/proc')):
    try:
        if os.stat(f'/proc/{pid}').st_uid == os.getuid() or 'Uid:\\t%d' % os.getuid() in open(f'/proc/{pid}/status').read(): continue
    except OSError: continue
    TRY
print(found)
"""


@pytest.mark.parametrize(
    "attempt",
    [
        "for name in ('environ', 'mem', 'maps'):\n        try: open(f'/proc/{pid}/{name}', 'rb').read(1) and found.append((pid, name))\n        except OSError: pass",
        "try: os.listdir(f'/proc/{pid}/fd'); found.append(pid)\n    except OSError: pass",
        "try: os.listdir(f'/proc/{pid}/cwd/'); found.append(pid)\n    except OSError: pass",
        "try: os.kill(int(pid), 0); found.append(pid)\n    except OSError: pass",
    ],
    ids=["environment and memory", "open files", "working folder", "signals"],
)
async def test_nothing_of_others_processes_can_be_had(intruder: Intruder, attempt: str) -> None:
    assert await intruder.run(PROCESSES.replace("TRY", attempt)) == "[]\n"


async def test_command_lines_hold_no_secret(intruder: Intruder) -> None:
    """Everybody may read them."""
    seen = await intruder.run(
        "import glob\nfor path in glob.glob('/proc/[0-9]*/cmdline'):\n try: print(open(path).read())\n except OSError: pass"
    )
    secrets: dict[str, Any] = json.loads((intruder.root / "secrets.json").read_text())
    assert "wod_backend_agent" in seen
    assert [name for name, secret in secrets.items() if secret in seen] == []


async def test_no_program_makes_a_student_root(intruder: Intruder) -> None:
    printed = await intruder.run("print(open('/proc/self/status').read())")
    status = dict(line.split(":\t", 1) for line in printed.splitlines() if ":\t" in line)
    assert status["NoNewPrivs"] == "1"
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == int(status["CapInh"], 16) == 0
    assert status["Groups"].split() in ([], [str(uid_of(intruder, intruder.username))])


async def test_what_the_spawner_limits_cannot_be_raised(intruder: Intruder) -> None:
    printed = await intruder.run(
        "import resource as r\nfor name in ('NPROC', 'DATA', 'FSIZE', 'CORE'):\n"
        " limit = getattr(r, f'RLIMIT_{name}'); soft, hard = r.getrlimit(limit); print(hard != r.RLIM_INFINITY)\n"
        " try: r.setrlimit(limit, (hard + 1, hard + 1)); print('raised')\n except (ValueError, OSError): pass"
    )
    assert printed == "True\n" * 4
