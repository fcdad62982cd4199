"""A cover of its own for each workshop: an SVG drawn from its name and category, the same at every call."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 320, 150


@dataclass(frozen=True)
class Palette:
    ground: str
    light: str
    spark: str
    deep: str


PALETTES = (
    Palette("#1f3a5f", "#f2c14e", "#e4572e", "#2f5483"),
    Palette("#2d4739", "#f6efe2", "#ffb703", "#3f6350"),
    Palette("#5b2333", "#f7d6bf", "#f4a259", "#7a3146"),
    Palette("#3b2f5c", "#d9d2f0", "#ff9e7a", "#524380"),
    Palette("#0f4c5c", "#f4ead7", "#fb8b24", "#18687d"),
    Palette("#6b3a1e", "#f8e3c4", "#e9c46a", "#8a4f2c"),
    Palette("#33415c", "#e6ebf2", "#ffd166", "#485a7d"),
)

#: Draws with numbers from 0 to 255 that belong to the workshop.
Motif = Callable[[Palette, Sequence[int]], str]


def _rect(x: int, y: int, width: int, height: int, fill: str, rx: int = 0) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{rx}" fill="{fill}"/>'


def _circle(x: int, y: int, r: int, fill: str) -> str:
    return f'<circle cx="{x}" cy="{y}" r="{r}" fill="{fill}"/>'


def _lines_of_code(p: Palette, n: Sequence[int]) -> str:
    shades = (p.light, p.light, p.deep, p.light, p.deep)
    rows = [
        _rect(26 + 18 * (n[i] % 3), 24 + 22 * i, 70 + n[i + 5] % 110, 12, shade, 6) for i, shade in enumerate(shades)
    ]
    return "".join(rows) + _circle(258, 48 + n[10] % 54, 30 + n[11] % 10, p.spark)


def _columns(p: Palette, n: Sequence[int]) -> str:
    heights = [26 + n[i] % 84 for i in range(6)]
    tallest = heights.index(max(heights))
    return _rect(26, 126, 268, 3, p.deep) + "".join(
        _rect(34 + 44 * i, 126 - height, 30, height, p.spark if i == tallest else p.light, 2)
        for i, height in enumerate(heights)
    )


def _branches(p: Palette, n: Sequence[int]) -> str:
    trunk, leave, join = 108 - n[0] % 14, 58 + n[1] % 22, 244 + n[2] % 22
    top = 34 + n[3] % 18
    stroke = f'fill="none" stroke="{p.light}" stroke-width="8" stroke-linecap="round"'
    branch = f"M{leave} {trunk}C{leave + 30} {trunk} {leave + 20} {top} {leave + 52} {top}H{join - 52}"
    path = f'<path d="M28 {trunk}H292M{branch[1:]}C{join - 20} {top} {join - 30} {trunk} {join} {trunk}" {stroke}/>'
    points = [(leave, trunk), (join, trunk), (leave + 52, top), (join - 52, top)]
    return path + "".join(_circle(x, y, 11, p.spark) for x, y in points)


def _rings(p: Palette, n: Sequence[int]) -> str:
    x, y = 70 + n[0] % 180, 48 + n[1] % 60
    shades = (p.deep, p.ground, p.light, p.ground, p.spark)
    return "".join(_circle(x, y, radius, shade) for radius, shade in zip((104, 84, 62, 42, 22), shades, strict=True))


def _network(p: Palette, n: Sequence[int]) -> str:
    hub = (150 + n[0] % 30, 62 + n[1] % 24)
    leaves = [(40 + 48 * i + n[i + 2] % 18, (28 if i % 2 else 116) + n[i + 8] % 14 - 7) for i in range(6)]
    spokes = "".join(f"M{hub[0]} {hub[1]}L{x} {y}" for x, y in leaves)
    lines = f'<path d="{spokes}" stroke="{p.deep}" stroke-width="4"/>'
    return lines + "".join(_circle(x, y, 10, p.light) for x, y in leaves) + _circle(*hub, 22, p.spark)


def _waves(p: Palette, n: Sequence[int]) -> str:
    sun = _circle(60 + n[0] % 200, 46 + n[1] % 16, 24, p.spark)
    hills = []
    for i, shade in enumerate((p.deep, p.light)):
        y, swing = 84 + 30 * i, 18 + n[i + 2] % 22
        curve = f"M0 {y}C60 {y - swing} 110 {y + swing} 170 {y}S270 {y - swing} 320 {y}V150H0Z"
        hills.append(f'<path d="{curve}" fill="{shade}"/>')
    return sun + "".join(hills)


def _cells(p: Palette, n: Sequence[int]) -> str:
    run = n[0] % 3
    return "".join(
        _rect(30, 22 + 38 * i, 28, 26, p.spark if i == run else p.deep, 6)
        + _rect(70, 22 + 38 * i, 120 + n[i + 1] % 100, 26, p.light if i <= run else p.deep, 6)
        for i in range(3)
    )


def _blocks(p: Palette, n: Sequence[int]) -> str:
    shades = (p.deep, p.light, p.deep, p.spark)
    tiles = [
        _rect(34 + 44 * column, 14 + 42 * row, 38, 38, shades[n[row * 6 + column] % 4], 6)
        for row in range(3)
        for column in range(6)
        if n[18 + (row * 6 + column) % 12] % 5
    ]
    return "".join(tiles)


MOTIFS: tuple[Motif, ...] = (_lines_of_code, _columns, _branches, _rings, _network, _waves, _cells, _blocks)
#: Categories whose picture says something; all others get one by chance.
MEANING: dict[str, Motif] = {
    "data": _columns,
    "api": _lines_of_code,
    "program": _blocks,
    "git": _branches,
    "network": _network,
    "container": _blocks,
    "cloud": _waves,
    "jupyter": _cells,
}


def _motif(name: str, category: Sequence[str], chance: int) -> Motif:
    subject = " ".join([name, *category]).casefold()
    return next((motif for word, motif in MEANING.items() if word in subject), MOTIFS[chance % len(MOTIFS)])


def cover(name: str, category: Sequence[str]) -> Markup:
    """An ``<svg>`` for the page itself, about 700 bytes. No text of the workshop enters it."""
    numbers = hashlib.sha256("\n".join([name, *category]).encode()).digest()
    palette = PALETTES[numbers[31] % len(PALETTES)]
    drawing = _motif(name, category, numbers[30])(palette, numbers)
    ground = _rect(0, 0, WIDTH, HEIGHT, palette.ground)
    # numbers and our own colours only: nothing here comes from outside
    return Markup(  # noqa: S704 - see above
        f'<svg class="cover" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="xMidYMid slice"'
        f' aria-hidden="true" focusable="false">{ground}{drawing}</svg>'
    )
