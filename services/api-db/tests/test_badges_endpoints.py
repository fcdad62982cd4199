"""Badges over REST."""

from typing import Any
from uuid import uuid4

import pytest
from api_support import ADMIN, AGENT, Api
from test_badges_awarding import awarded, finish


@pytest.fixture
async def tokens(api: Api) -> dict[str, str]:
    """The tokens of Ada's badges, by what they are for: three workshops and the special badge of three."""
    for number in (1, 2, 3):
        await awarded(api, await finish(api, number))
    query = "SELECT coalesce(notebook, 'special'), token::text FROM badges LEFT JOIN workshops ON workshop_id = workshops.id"
    return {row[0]: row[1] for row in await api.rows(query)}


async def get(api: Api, path: str, **headers: str) -> Any:
    return await api.http.get(
        f"/api/v1{path}", headers={key.replace("_", "-"): value for key, value in headers.items()}
    )


async def test_a_badge_is_public_and_names_nobody(api: Api, tokens: dict[str, str]) -> None:
    answer = await get(api, f"/badges/{tokens['WKSHP-N1']}")
    badge = answer.json()
    assert badge.pop("awarded_at")
    assert badge == {
        "token": tokens["WKSHP-N1"],
        "workshop": "WKSHP-N1",
        "special_badge": None,
        "name": "Number 1",
        "description": "",
        "finished": 3,
        "shown_name": "",
        "image": f"/api/v1/badges/{tokens['WKSHP-N1']}/image.svg",
    }
    special = (await get(api, f"/badges/{tokens['special']}")).json()
    assert (special["workshop"], special["special_badge"], special["name"]) == (None, 1, "Apprentice")
    assert "ada" not in str(badge).casefold() + str(special).casefold()


@pytest.mark.parametrize("path", ["/badges/{}", "/badges/{}/image.svg", "/badges/{}/image.png"])
async def test_an_unknown_badge_is_not_found(api: Api, path: str) -> None:
    assert (await get(api, path.format(uuid4()))).status_code == 404
    assert (await get(api, path.format("x"))).status_code == 422


async def test_every_path_of_a_badge_shows_its_picture(api: Api, tokens: dict[str, str]) -> None:
    for path, words in (
        (f"/badges/{tokens['WKSHP-N1']}/image", "Number 1"),
        ("/workshops/WKSHP-N1/badge", "Number 1"),
        (f"/badges/{tokens['special']}/image", "Apprentice"),
        ("/special-badges/1/image", "Apprentice"),
    ):
        drawn = await get(api, f"{path}.svg")
        assert (drawn.status_code, drawn.headers["content-type"]) == (200, "image/svg+xml")
        assert f'<title id="title">{words}</title>' in drawn.text
        assert "default-src 'none'" in drawn.headers["content-security-policy"]
        raster = await get(api, f"{path}.png")
        assert (raster.status_code, raster.headers["content-type"]) == (200, "image/png")
        assert raster.content.startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", ["svg", "png"])
async def test_a_picture_that_is_known_is_not_sent_again(api: Api, kind: str) -> None:
    path = f"/workshops/WKSHP-API101/badge.{kind}"
    first = await get(api, path)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "public, max-age=3600"
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = await get(api, path, if_none_match=known)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    await api.change("UPDATE workshops SET name = 'Renamed'")
    assert (await get(api, path, if_none_match=tag)).status_code == 200


async def test_the_kinds_have_tags_of_their_own(api: Api) -> None:
    tags = {(await get(api, f"/workshops/WKSHP-API101/badge.{kind}")).headers["etag"] for kind in ("svg", "png")}
    assert len(tags) == 2


@pytest.mark.parametrize(
    ("image", "link"),
    [
        ("https://example.org/b.png", "https://example.org/b.png"),
        ("/img/b.png", "http://127.0.0.1:8080/img/b.png"),
    ],
)
async def test_a_picture_that_the_workshop_brings_is_its_badge(
    api: Api, tokens: dict[str, str], image: str, link: str
) -> None:
    await api.change("UPDATE workshops SET badge_img = :image", image=image)
    answer = await get(api, "/workshops/WKSHP-N1/badge.png")
    assert (answer.status_code, answer.headers["location"]) == (307, link)
    assert (await get(api, f"/badges/{tokens['WKSHP-N1']}")).json()["image"] == link


async def test_the_name_of_a_picture_we_have_not_is_drawn(api: Api) -> None:
    await api.change("UPDATE workshops SET badge_img = 'WOD-Badge-API101'")
    assert (await get(api, "/workshops/WKSHP-API101/badge.svg")).status_code == 200


@pytest.mark.parametrize("path", ["/workshops/WKSHP-Nothing/badge.svg", "/special-badges/99/image.png"])
async def test_pictures_of_nothing_are_not_found(api: Api, path: str) -> None:
    answer = await get(api, path)
    assert (answer.status_code, answer.json()["type"]) == (404, "not-found")


@pytest.mark.parametrize(
    "path",
    [
        "/workshops/WKSHP-API101/badge.gif",
        "/workshops/%00/badge.svg",
        f"/workshops/{'x' * 200}/badge.svg",
        f"/special-badges/{2**63}/image.svg",
        "/special-badges/0/image.svg",
    ],
)
async def test_what_cannot_be_a_picture_is_refused(api: Api, path: str) -> None:
    assert (await get(api, path)).status_code == 422


async def test_special_badges_are_listed_by_what_they_take(api: Api) -> None:
    items = (await get(api, "/special-badges")).json()["items"]
    assert [(item["name"], item["threshold"]) for item in items] == [
        ("Apprentice", 3), ("Expert", 5), ("Hero", 7), ("Super Hero", 10), ("Legend", 15),
    ]  # fmt: skip
    for item in items:
        path = item["image"].removeprefix("/api/v1")
        assert f">{item['threshold']}</text>" in (await get(api, path)).text


async def test_hostile_names_of_rows_stay_text(api: Api) -> None:
    await api.change("UPDATE workshops SET name = :name", name="<script>alert(1)</script> ]]> \u202e" + "x" * 3000)
    drawn = await get(api, "/workshops/WKSHP-API101/badge.svg")
    assert "<script" not in drawn.text
    assert (await get(api, "/workshops/WKSHP-API101/badge.png")).status_code == 200


async def test_operators_list_badges_a_page_at_a_time(api: Api, tokens: dict[str, str]) -> None:
    headers = await api.login(ADMIN)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await api.http.get(f"/api/v1/badges?limit=3{cursor and '&cursor=' + cursor}", headers=headers)
        assert page.status_code == 200
        assert "ada@" not in page.text
        seen += [item["token"] for item in page.json()["items"]]
        cursor = page.json()["next"]
    assert sorted(seen) == sorted(tokens.values())


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"workshop": "WKSHP-N2"}, ["WKSHP-N2"]),
        ({"special": "1"}, ["special"]),
        ({"special": "2"}, []),
        ({"workshop": "WKSHP-N2", "special": "1"}, []),
        ({"workshop": "WKSHP-Nothing"}, []),
    ],
)
async def test_operators_filter_badges(
    api: Api, tokens: dict[str, str], filters: dict[str, str], expected: list[str]
) -> None:
    answer = await api.http.get("/api/v1/badges", params=filters, headers=await api.login(ADMIN))
    assert [item["token"] for item in answer.json()["items"]] == [tokens[name] for name in expected]


async def test_only_operators_list_badges(api: Api) -> None:
    assert (await api.http.get("/api/v1/badges")).status_code == 401
    assert (await api.http.get("/api/v1/badges", headers=await api.login(AGENT))).status_code == 403
