"""Notices to the operator: together, once, and never about themselves."""

import asyncio
from collections.abc import Iterator

import pytest
from api_support import ADMIN, AGENT, Api
from mail_support import Mailbox, Post, listening, text_of

from wod_api_db.notices.service import notify
from wod_api_db.settings import Settings
from wod_api_db.sweep import sweep
from wod_demo.ports import free_port

OPERATOR = "workshops@localhost"  # the support address, where no operator is set


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def mailbox(port: int) -> Iterator[Mailbox]:
    mailbox = Mailbox()
    with listening(mailbox, port):
        yield mailbox


@pytest.fixture
def post(api: Api, settings: Settings, port: int) -> Post:
    return Post(api, settings, port)


async def happen(api: Api, *texts: str, kind: str = "seat-broken") -> None:
    async with api.sessions.begin() as session:
        for text in texts:
            await notify(session, kind, text)


async def test_what_came_up_together_is_one_mail(api: Api, post: Post, mailbox: Mailbox) -> None:
    await happen(api, "student1 is broken", "student2 is broken")
    await happen(api, "WKSHP-API101 could not be deployed", kind="deployment-failed")
    await sweep(api.sessions, "worker")
    await post.send_all()
    [mail] = mailbox.to(OPERATOR)
    assert mail["Subject"] == "3 notices for the operator: seat-broken, deployment-failed"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] is None
    for kind in ("plain", "html"):
        for text in ("student1 is broken", "student2 is broken", "could not be deployed"):
            assert text in text_of(mail, kind)
    first = await api.value("SELECT min(id) FROM notices")
    assert await api.rows("SELECT dedup_key, state, recipient FROM mails") == [
        (f"operator:notice:{first}", "sent", OPERATOR)
    ]


async def test_there_is_at_most_one_digest_a_minute(api: Api, post: Post, mailbox: Mailbox) -> None:
    for text in ("one", "two", "three"):
        await happen(api, text)
        await sweep(api.sessions, "worker")
    await post.send_all()
    assert len(mailbox.messages) == 1
    assert await api.value("SELECT count(*) FROM notices WHERE mailed_at IS NULL") == 2
    await api.change("UPDATE notices SET mailed_at = mailed_at - interval '61 seconds'")
    await sweep(api.sessions, "worker")
    await post.send_all()
    assert [mail["Subject"].split()[0] for mail in mailbox.messages] == ["1", "2"]


async def test_workers_that_sweep_at_once_mail_each_notice_once(api: Api, post: Post, mailbox: Mailbox) -> None:
    await happen(api, *(f"notice {number}" for number in range(20)))
    await asyncio.gather(*(sweep(api.sessions, f"worker-{number}") for number in range(4)))
    await post.send_all()
    [mail] = mailbox.messages
    assert text_of(mail).count("seat-broken") == 20


async def test_a_flood_is_mailed_in_portions(api: Api, post: Post, mailbox: Mailbox) -> None:
    await happen(api, *("again" for _ in range(60)))
    for _ in range(2):
        await sweep(api.sessions, "worker")
        await api.change("UPDATE notices SET mailed_at = mailed_at - interval '61 seconds'")
    await post.send_all()
    assert sorted(mail["Subject"].split()[0] for mail in mailbox.messages) == ["10", "50"]


async def test_the_operators_own_address_is_used_where_it_is_set(
    api: Api, settings: Settings, port: int, mailbox: Mailbox
) -> None:
    await happen(api, "something")
    await sweep(api.sessions, "worker")
    await Post(api, settings.model_copy(update={"operator": "night-watch@example.org"}), port).send_all()
    assert len(mailbox.to("night-watch@example.org")) == 1


async def test_a_notice_that_cannot_be_mailed_makes_no_notice_about_itself(
    api: Api, post: Post, mailbox: Mailbox
) -> None:
    mailbox.refused[OPERATOR] = "550 no such operator"
    await happen(api, "something")
    for _ in range(3):
        await sweep(api.sessions, "worker")
        await post.send_all()
        await api.change("UPDATE notices SET mailed_at = mailed_at - interval '61 seconds'")
    assert await api.rows("SELECT state, error FROM mails") == [("failed", "550 no such operator")]
    assert await api.value("SELECT count(*) FROM notices") == 1


async def test_without_notices_nothing_is_mailed(api: Api) -> None:
    await sweep(api.sessions, "worker")
    assert await api.rows("SELECT 1 FROM mails") == []


async def test_operators_read_the_notices_page_by_page(api: Api) -> None:
    headers = await api.login(ADMIN)
    await happen(api, *(f"notice {number}" for number in range(5)))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await api.http.get("/api/v1/notices", headers=headers, params=query)).json()
        seen += [row["text"] for row in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [f"notice {number}" for number in reversed(range(5))]
    assert (await api.http.get("/api/v1/notices")).status_code == 401
    assert (await api.http.get("/api/v1/notices", headers=await api.login(AGENT))).status_code == 403
    assert (await api.http.get("/api/v1/notices?cursor=x", headers=headers)).status_code == 422
