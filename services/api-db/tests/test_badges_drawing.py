"""Badges as pictures: any title is legible, harmless, and the same at every call."""

import io
import re
import string
import struct
import time
import zlib
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wod_api_db.badges.drawing import LONGEST, METALS, PALETTES, Palette, special_badge, workshop_badge
from wod_api_db.badges.images import png
from wod_api_db.badges.lettering import clusters, plain, set_in, width

SVG = "{http://www.w3.org/2000/svg}"
#: What a badge is made of; none of it loads, runs or links.
DRAWN = {
    "svg", "title", "desc", "defs", "linearGradient", "stop", "clipPath", "g", "path", "circle", "ellipse", "text",
}  # fmt: skip

HOSTILE = [
    "<script>alert(1)</script>",
    "]]> <!-- & &amp; &#0; <!ENTITY x SYSTEM 'file:///etc/passwd'>",
    "\"' onload='alert(1)",
    "</title></svg><svg onload=alert(1)>",
    "W" * 5000,
    "a " * 3000,
    "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz",
    "مقدمة في البرمجة بلغة بايثون",
    "שלום API 101",
    "日本語のワークショップへようこそ、コンテナとクラウドの基礎を学びましょう",
    "👩‍💻🇫🇷 emoji 🦊👍🏽",
    "e\u0301" * 200,
    "\u202egnip",
    "\x00\x07\x1b[2J\ud800\ufffe",
    "",
    " ",
]


def parsed(svg: str) -> ElementTree.Element:
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= DRAWN
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on") or "href" in name]
    return root


def lines(root: ElementTree.Element) -> list[tuple[str, float, float, float]]:
    """The written lines with x, y and size."""
    return [
        (found.text or "", float(found.get("x", 0)), float(found.get("y", 0)), float(found.get("font-size", 0)))
        for found in root.iter(f"{SVG}text")
    ]


def test_a_title_is_written_out_and_told_to_who_cannot_see() -> None:
    root = parsed(workshop_badge("WKSHP-API101", "API 101 - API basics and the value they provide", "Our School"))
    assert " ".join(text for text, *_ in lines(root)) == (
        "API 101 - API basics and the value they provide WORKSHOP FINISHED Our School"
    )
    named = {element.get("id"): element.text for element in root.iter() if element.get("id")}
    assert root.get("role") == "img"
    assert [named[name] for name in (root.get("aria-labelledby") or "").split()] == [
        "API 101 - API basics and the value they provide",
        "Workshop finished. Our School",
    ]


@pytest.mark.parametrize("title", HOSTILE)
def test_a_hostile_title_stays_text_within_the_picture(title: str) -> None:
    for svg in (workshop_badge("WKSHP-X", title, title), special_badge(0, 3, title, title)):
        root = parsed(svg)
        assert all(plain(text) == text for text, *_ in lines(root))
        assert all(width(text) * size <= 430 and 300 < y < 535 for text, x, y, size in lines(root) if x)
        assert len(svg) < 20_000


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=400), st.text(max_size=60))
def test_no_text_breaks_the_drawing(title: str, brand: str) -> None:
    parsed(workshop_badge("WKSHP-X", title, brand))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("title", ["x" * 100_000, "x " * 50_000, "\u0301" * 100_000])
def test_a_title_without_end_is_drawn_in_time(title: str) -> None:
    began = time.monotonic()
    assert len(ElementTree.fromstring(workshop_badge("W", title, "B")).findtext(f"{SVG}title") or "") <= LONGEST  # noqa: S314 - our own
    assert time.monotonic() - began < 10


def test_the_name_decides_on_colours_and_ornament() -> None:
    assert workshop_badge("WKSHP-A", "A", "B") == workshop_badge("WKSHP-A", "A", "B")
    drawn = [workshop_badge("WKSHP-A", f"Title {number}", "B") for number in range(200)]
    colours = {re.search(r'stop-color="(#\w+)"', svg) for svg in drawn}
    assert {found[1] for found in colours if found} == {palette.ground for palette in PALETTES}


@pytest.mark.parametrize("palette", [*PALETTES, *METALS])
def test_writing_stands_out_from_its_ground(palette: Palette) -> None:
    """4.5 to 1 is what WCAG asks of small writing."""
    for ground in (palette.ground, palette.deep):
        assert contrast(palette.light, ground) >= 4.5
    assert contrast(palette.spark, palette.deep) >= 4.5  # the line below the title lies where the ground is deep


def contrast(one: str, other: str) -> float:
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("count", [3, 5, 7, 10, 15, 40])
def test_a_special_badge_has_a_bead_for_each_workshop(count: int) -> None:
    root = parsed(special_badge(1, count, "Expert", "B"))
    assert sum(element.get("r") in {"13", "10"} for element in root.iter(f"{SVG}circle")) == count
    assert [text for text, *_ in lines(root)] == [str(count), "Expert", f"{count} WORKSHOPS FINISHED", "B"]


def test_lines_are_balanced_and_as_large_as_they_can_be() -> None:
    block = set_in("Kubernetes 101 - Introduction to Kubernetes Concepts", 418, 150, range(54, 22, -2))
    assert " ".join(block.lines) == "Kubernetes 101 - Introduction to Kubernetes Concepts"
    widths = [width(line) for line in block.lines]
    assert min(widths) > max(widths) / 2
    assert block.height <= 150
    assert set_in("Git", 418, 150, range(54, 22, -2)).size == 54


def test_what_never_fits_ends_in_an_ellipsis() -> None:
    block = set_in("word " * 100, 418, 150, range(54, 22, -2))
    assert block.lines[-1].endswith("…")
    assert block.height <= 150


def test_a_word_is_torn_only_where_it_must_be() -> None:
    assert set_in("Containerisation", 418, 150, range(54, 22, -2)).lines == ("Containerisation",)
    assert len(set_in("Containerisation" * 3, 418, 150, range(54, 22, -2)).lines) > 1
    assert len(set_in("コンテナとクラウドの基礎を学びましょう", 418, 150, range(54, 22, -2)).lines) == 3


def test_a_character_with_its_marks_is_not_torn_apart() -> None:
    assert clusters("e\u0301👩‍💻👍🏽🇫🇷🇩🇪x") == ["e\u0301", "👩‍💻", "👍🏽", "🇫🇷", "🇩🇪", "x"]


def test_right_to_left_writing_says_so() -> None:
    root = parsed(workshop_badge("WKSHP-X", "שלום", "Brand"))
    assert [found.get("direction") for found in root.iter(f"{SVG}text")] == ["rtl", None, None]


def pixels(data: bytes) -> tuple[int, int, set[bytes]]:
    """Width, height and colours (RGBA) of an 8-bit PNG, by its rows after filtering is undone."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    stream, body = io.BytesIO(data[8:]), b""
    wide = high = 0
    while head := stream.read(8):
        length, kind = struct.unpack(">I4s", head)
        chunk = stream.read(length + 4)[:-4]
        if kind == b"IHDR":
            wide, high, depth, colour = struct.unpack(">IIBB", chunk[:10])
            assert (depth, colour) == (8, 6)
        elif kind == b"IDAT":
            body += chunk
    rows = _unfiltered(zlib.decompress(body), wide * 4)
    return wide, high, {row[place : place + 4] for row in rows for place in range(0, len(row), 4)}


def _unfiltered(data: bytes, length: int) -> list[bytes]:
    rows, above = [], bytes(length)
    for start in range(0, len(data), length + 1):
        kind, row = data[start], bytearray(data[start + 1 : start + 1 + length])
        for place in range(length):
            left = row[place - 4] if place >= 4 else 0
            corner = above[place - 4] if place >= 4 else 0
            row[place] = (row[place] + _predicted(kind, left, above[place], corner)) % 256
        above = bytes(row)
        rows.append(above)
    return rows


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 4:
        return min((left, up, corner), key=lambda value: abs(left + up - corner - value))
    return (0, left, up, (left + up) // 2)[kind]


def test_a_png_shows_ground_and_writing_on_nothing() -> None:
    svg = workshop_badge("WKSHP-API101", "API 101", "Our School")
    wide, high, colours = pixels(png(svg))
    assert (wide, high) == (600, 600)
    assert b"\0\0\0\0" in colours, "its corners are clear"
    found = re.search(r'fill="(#\w{6})" font-weight="800"', svg)
    assert found is not None
    assert bytes.fromhex(found[1][1:]) + b"\xff" in colours, "letters are drawn"


@pytest.mark.parametrize("title", HOSTILE)
def test_a_png_comes_of_any_title(title: str) -> None:
    assert png(workshop_badge("WKSHP-X", title, title)).startswith(b"\x89PNG")


def test_letters_need_no_font_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two titles that differ in letters alone, by the installed font alone, are two pictures."""
    import resvg_py  # noqa: PLC0415 - beside its use

    draw = resvg_py.svg_to_bytes
    monkeypatch.setattr(resvg_py, "svg_to_bytes", lambda **options: draw(**options, skip_system_fonts=True))
    alone = [special_badge(0, 3, letter * 3, "B") for letter in string.ascii_uppercase[:2]]
    assert png.__wrapped__(alone[0]) != png.__wrapped__(alone[1])
