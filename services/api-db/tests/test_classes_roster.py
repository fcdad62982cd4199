"""A roster: read as spreadsheets write it, and refused line by line."""

import pytest
from api_support import Api
from classes_support import Teacher, widen
from hypothesis import given
from hypothesis import strategies as st

from wod_api_db.classes.roster import BrokenRoster, read_roster
from wod_api_db.registrations.addresses import DenyList

DENY = DenyList.of(["spam.example.org"])
BROKEN = "\n".join(
    [
        "email;name",
        "ada@example.org;Ada",
        "no-address;Bea",
        ";Cy",
        "x@mailinator.com;Throw Away",
        "eve@spam.example.org;Eve",
        "ADA@example.org;Ada again",
        f"long@example.org;{'x' * 121}",
        "bell@example.org;Ding\x07",
        "columns@example.org;Di;Di;Di",
        "12.34@gmail.com;Digits",
        "two@example.org fred@example.org;Two",
        "last@example.org;Last",
    ]
)
WORDS = {
    3: ("no-address", "@"),
    4: ("", "no address"),
    5: ("x@mailinator.com", "throw-away"),
    6: ("eve@spam.example.org", "not accepted"),
    7: ("ADA@example.org", "line 2"),
    8: ("x" * 80 + "…", "121"),
    9: ("Ding\ufffd", "control"),
    10: ("Di", "4 columns"),
    11: ("12.34@gmail.com", "not accepted"),
    12: ("two@example.org fred@example.org", "address"),
}


def test_ten_kinds_of_broken_line_are_named_with_number_and_value() -> None:
    with pytest.raises(BrokenRoster) as refused:
        read_roster(BROKEN.encode(), DENY, 20)
    found = {error.line: error.wire() for error in refused.value.errors}
    assert found.keys() == WORDS.keys()
    for line, (value, words) in WORDS.items():
        assert found[line]["field"] == f"line {line}"
        assert found[line]["value"] == value
        assert words in found[line]["message"], found[line]


@pytest.mark.parametrize(
    ("raw", "line", "words"),
    [
        (b"", 1, "empty"),
        (b"\n \n,,\n", 1, "empty"),
        (b"who,what\nada@example.org,Ada\n", 1, "called email"),
        (b"email\nada@example.org\n\xffbea@example.org\n", 3, "UTF-8"),
        (b'email,name\na@example.org,A\nb@example.org,"B\nc@example.org,C\n', 3, "quotes"),
        (b"email\n" + b"\n".join(b"p%d@example.org" % n for n in range(4)), 5, "more than 3 people"),
        (b"email\n" + b"\n" * 3000 + b"a@example.org", 2001, "2000 lines"),
        (b"PK\x03\x04\x00\x00", 1, ""),
    ],
)
def test_a_file_that_is_none_says_why(raw: bytes, line: int, words: str) -> None:
    with pytest.raises(BrokenRoster) as refused:
        read_roster(raw, DENY, 3)
    assert (refused.value.errors[0].line, words in refused.value.errors[0].message) == (line, True)


@pytest.mark.parametrize(
    "raw",
    [
        b"email,name\nada@example.org,Ada Martin\n",
        b"\xef\xbb\xbfName;Company;E-Mail\r\nAda Martin;Example;ada@example.org\r\n\r\n",
        "name\temail\nAda Martin\tada@example.org\n".encode("utf-16"),
        b"ada@example.org,Ada Martin",
        b'email,name\n"ada@example.org"," Ada Martin "\n',
    ],
)
def test_what_spreadsheets_write_is_read(raw: bytes) -> None:
    [person] = read_roster(raw, DENY, 3)
    assert (person.address.email, person.name) == ("ada@example.org", "Ada Martin")


@given(st.one_of(st.binary(max_size=400), st.text(alphabet='a@.;,"\n\r\t=é ', max_size=200).map(str.encode)))
def test_whatever_comes_is_read_or_refused(raw: bytes) -> None:
    try:
        read = len(read_roster(raw, DENY, 5))
    except BrokenRoster as broken:
        read = -len(broken.errors)
    assert read <= 5
    assert read != 0 or raw.strip()


async def test_a_broken_roster_invites_nobody_and_a_mended_one_everybody_once(api: Api) -> None:
    await widen(api, 20)
    grace = await Teacher.of(api)
    taught = await grace.book(10)
    refused = await grace.roster(taught["id"], BROKEN)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [
        f"line {line}" for line in (*range(3, 6), *range(7, 13))
    ]
    assert "line 3" in refused.json()["detail"]
    assert await api.value("SELECT count(*) FROM class_invitations") == 0
    mended = "email,name\nada@example.org,Ada\nbea@example.org,Bea\n"
    tried = await grace.roster(taught["id"], mended, dry_run=True)
    assert tried.json() == {"invited": 2, "already": 0, "dry_run": True}
    assert await api.value("SELECT count(*) FROM mails") == 0
    assert (await grace.roster(taught["id"], mended)).json() == {"invited": 2, "already": 0, "dry_run": False}
    assert (await grace.roster(taught["id"], mended + "cy@example.org,\n")).json()["already"] == 2
    mails = await api.rows("SELECT template, recipient FROM mails ORDER BY created_at")
    assert mails == [("invitation", f"{name}@example.org") for name in ("ada", "bea", "cy")]
    rows = (await grace.done("GET", f"/{taught['id']}/invitations"))["items"]
    assert [rows[0][name] for name in ("email", "mail", "joined")] == ["ada@example.org", "queued", False]
    assert (await grace.shown(taught["id"]))["invited"] == 3
    audited = await api.rows("SELECT data::text FROM audit WHERE action = 'class.roster'")
    assert len(audited) == 2
    assert "example.org" not in str(audited)


async def test_a_roster_that_is_too_large_or_no_csv_is_refused(api: Api) -> None:
    grace = await Teacher.of(api)
    taught = await grace.book(2)
    assert (await grace.roster(taught["id"], b"x" * 300_000)).status_code == 413
    assert (await grace.call("POST", f"/{taught['id']}/roster", json={})).status_code == 415
    many = "\n".join(f"p{number}@example.org" for number in range(5))
    assert "more than 4 people" in (await grace.roster(taught["id"], many)).json()["errors"][0]["message"]
