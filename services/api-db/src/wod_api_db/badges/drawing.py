"""Our own badges: an SVG drawn from a workshop's name, or for a special badge from its number of workshops."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from wod_api_db.badges.lettering import plain, set_in

SIZE = 600
FONTS = "Manrope, 'Segoe UI', system-ui, -apple-system, 'Noto Sans', 'DejaVu Sans', sans-serif"
#: What a screen reader, a mail or a social network is told takes no more than this.
LONGEST = 300


@dataclass(frozen=True)
class Palette:
    """``ground`` to ``deep`` lie behind the writing in ``light``; ``spark`` is the ornament's."""

    ground: str
    deep: str
    spark: str
    light: str


PALETTES = (
    Palette("#1c5d85", "#0b2740", "#ffc14d", "#f6fbff"),
    Palette("#1f6b55", "#0b3029", "#ffd166", "#f3fff9"),
    Palette("#5a3d8f", "#25163f", "#ff9e7a", "#fbf7ff"),
    Palette("#8a2f4b", "#3a0f20", "#ffc59e", "#fff6f4"),
    Palette("#0f6674", "#06292f", "#ffa94d", "#f2feff"),
    Palette("#7a4420", "#321a0b", "#ffd98a", "#fffaf2"),
    Palette("#2f4a7d", "#121e38", "#7fe0c3", "#f5f8ff"),
    Palette("#4d5b2a", "#1e2510", "#f4d35e", "#fcfff2"),
    Palette("#6d2f7a", "#2b1031", "#8be0f2", "#fdf5ff"),
    Palette("#3d4a5c", "#161c25", "#ff8c69", "#f7fafc"),
)
#: From bronze to a night full of gold, in the order of the thresholds.
METALS = (
    Palette("#8a4b24", "#3b1d0c", "#f0b27a", "#fff8f0"),
    Palette("#52606f", "#1d252e", "#dfe7ee", "#fafcff"),
    Palette("#80600a", "#372803", "#ffd84d", "#fffbea"),
    Palette("#5b2a9a", "#220c47", "#8df0ff", "#fbf5ff"),
    Palette("#1d2233", "#06070d", "#ffcf40", "#fffaf0"),
)

#: An ornament around (0, 0), no wider than 116 from there, from numbers between 0 and 255 that belong to the name.
Ornament = Callable[[Palette, Sequence[int]], str]


def _polar(radius: float, degrees: float) -> tuple[float, float]:
    angle = math.radians(degrees - 90)
    return radius * math.cos(angle), radius * math.sin(angle)


def _path(corners: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in corners) + "Z"


def _polygon(sides: int, radius: float, turn: float = 0.0) -> str:
    return _path([_polar(radius, turn + 360 * side / sides) for side in range(sides)])


def _petals(p: Palette, n: Sequence[int]) -> str:
    count = 7 + n[0] % 6
    narrow, wide = 13 + n[1] % 8, 24 + n[2] % 12
    turns = [360 * number / count for number in range(count)]
    outer = "".join(f'<ellipse cy="-70" rx="{wide}" ry="44" transform="rotate({turn:.1f})"/>' for turn in turns)
    inner = "".join(
        f'<ellipse cy="-66" rx="{narrow}" ry="30" transform="rotate({turn + 180 / count:.1f})"/>' for turn in turns
    )
    return (
        f'<g fill="{p.spark}" fill-opacity=".14" stroke="{p.spark}" stroke-width="2.5">{outer}</g>'
        f'<g fill="{p.light}" fill-opacity=".16" stroke="{p.light}" stroke-opacity=".55" stroke-width="1.5">{inner}</g>'
    )


def _woven(p: Palette, n: Sequence[int]) -> str:
    sides, turns = 3 + n[0] % 4, 6 + n[1] % 5
    step = 360 / sides / turns
    shapes = "".join(f'<path d="{_polygon(sides, 114, step * turn)}"/>' for turn in range(turns))
    return (
        f'<g fill="none" stroke="{p.spark}" stroke-width="2" stroke-linejoin="round">'
        f'{shapes}</g><circle r="62" fill="none" stroke="{p.light}" stroke-opacity=".6" stroke-width="1.5"/>'
    )


def _orbits(p: Palette, n: Sequence[int]) -> str:
    rings = []
    for number, radius in enumerate((66, 84, 102)):
        share, start = 0.35 + n[number] / 255 * 0.45, n[number + 4] / 255 * 360
        length = 2 * math.pi * radius
        colour = p.light if number == 1 else p.spark
        rings.append(
            f'<circle r="{radius}" stroke="{colour}" stroke-opacity=".22"/>'
            f'<circle r="{radius}" stroke="{colour}" stroke-dasharray="{length * share:.1f} {length:.1f}"'
            f' stroke-linecap="round" transform="rotate({start:.0f})"/>'
        )
    x, y = _polar(102, n[6] / 255 * 360 + 90)
    moon = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="13" fill="{p.light}"/>'
    return f'<g fill="none" stroke-width="9">{"".join(rings)}</g>{moon}'


def _rays(p: Palette, n: Sequence[int]) -> str:
    count = 24 + 2 * (n[0] % 9)
    lines = []
    for number in range(count):
        reach = 78 + 36 * (n[number % 24 + 1] / 255 if number % 2 else 1)
        (x1, y1), (x2, y2) = _polar(62, 360 * number / count), _polar(reach, 360 * number / count)
        lines.append(f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}")
    odd, even = "".join(lines[1::2]), "".join(lines[::2])
    return (
        f'<path d="{even}" stroke="{p.spark}" stroke-width="6" stroke-linecap="round"/>'
        f'<path d="{odd}" stroke="{p.light}" stroke-opacity=".75" stroke-width="3" stroke-linecap="round"/>'
    )


def _stars(p: Palette, n: Sequence[int]) -> str:
    points, inner = 8 + n[0] % 5, 74 + n[1] % 14
    corners = [_polar(114 if side % 2 == 0 else inner, 180 * side / points) for side in range(2 * points)]
    turned = f'<path d="{_path(corners)}" transform="rotate({180 / points:.1f})"'
    return (
        f'{turned} fill="{p.light}" fill-opacity=".18"/>'
        f'<path d="{_path(corners)}" fill="{p.spark}" fill-opacity=".9" stroke-linejoin="round"/>'
        f'<circle r="64" fill="{p.deep}" fill-opacity=".55"/>'
    )


ORNAMENTS: tuple[Ornament, ...] = (_petals, _woven, _orbits, _rays, _stars)


def _beads(p: Palette, count: int) -> str:
    """As many beads on a string as workshops were finished."""
    radius = 13 if count <= 10 else 10
    places = [_polar(100, 360 * number / count) for number in range(count)]
    beads = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>' for x, y in places)
    rings = "".join(f'<circle r="{ring}"/>' for ring in (82, 118))
    return (
        f'<g fill="none" stroke="{p.spark}"><g stroke-opacity=".35" stroke-width="1.5">{rings}</g>'
        f'<path d="{_path(places)}" stroke-opacity=".8" stroke-width="3"/></g>'
        f'<g fill="{p.spark}" stroke="{p.deep}" stroke-width="3">{beads}</g>'
    )


def _hexagon(radius: float) -> str:
    """With round corners, standing on one of them."""
    corners = [_polar(radius, 60 * side) for side in range(6)]
    cut = 34 / radius
    path: list[str] = []
    for number, (x, y) in enumerate(corners):
        (ax, ay), (bx, by) = corners[number - 1], corners[(number + 1) % 6]
        path.append(
            f"{'L' if path else 'M'}{x + (ax - x) * cut:.1f} {y + (ay - y) * cut:.1f}"
            f"Q{x:.1f} {y:.1f} {x + (bx - x) * cut:.1f} {y + (by - y) * cut:.1f}"
        )
    return "".join(path) + "Z"


def _facets(radius: float) -> str:
    """Light from the upper left on a cut stone."""
    shades = (("#fff", 0.02), ("#000", 0.08), ("#000", 0.14), ("#000", 0.08), ("#fff", 0.05), ("#fff", 0.09))
    return "".join(
        f'<path d="{_path([(0, 0), _polar(radius, 60 * side), _polar(radius, 60 * side + 60)])}"'
        f' fill="{colour}" fill-opacity="{opacity}"/>'
        for side, (colour, opacity) in enumerate(shades)
    )


def _stone(p: Palette) -> str:
    """The ground: its own edges, a light and a dark one, keep it apart from any page behind it."""
    shape = _hexagon(286)
    return (
        '<defs><linearGradient id="ground" x1="0" y1="0" x2="0.6" y2="1">'
        f'<stop offset="0" stop-color="{p.ground}"/><stop offset="1" stop-color="{p.deep}"/></linearGradient>'
        f'<clipPath id="stone"><path d="{shape}"/></clipPath></defs>'
        '<g transform="translate(300 300)">'
        f'<path d="{_hexagon(296)}" fill="{p.deep}"/><path d="{_hexagon(292)}" fill="{p.spark}"/>'
        f'<path d="{shape}" fill="url(#ground)"/><g clip-path="url(#stone)">{_facets(300)}</g>'
        f'<path d="{_hexagon(270)}" fill="none" stroke="{p.light}" stroke-opacity=".28" stroke-width="1.5"/></g>'
    )


def _lettering(p: Palette, title: str, line: str, brand: str) -> str:
    heading = set_in(title, 418, 150, range(54, 22, -2)).svg(300, 378, f'fill="{p.light}" font-weight="800"')
    below = set_in(line.upper(), 330, 24, range(18, 9, -1)).svg(
        300, 478, f'fill="{p.spark}" font-weight="700" letter-spacing="1.5"'
    )
    foot = set_in(brand, 205, 34, range(16, 11, -1)).svg(
        300, 514, f'fill="{p.light}" fill-opacity=".85" font-weight="500"'
    )
    return f'<g font-family="{FONTS}" text-anchor="middle">{heading}{below}{foot}</g>'


def _svg(p: Palette, emblem: str, title: str, line: str, brand: str) -> str:
    description = f"{line}. {brand}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIZE}" height="{SIZE}" viewBox="0 0 {SIZE} {SIZE}"'
        f' role="img" aria-labelledby="title description"><title id="title">{escape(title)}</title>'
        f'<desc id="description">{escape(description)}</desc>{_stone(p)}'
        f'<g transform="translate(300 182)">{emblem}</g>{_lettering(p, title, line, brand)}</svg>'
    )


def workshop_badge(notebook: str, name: str, brand: str) -> str:
    """Colours and ornament are the workshop's own: its name decides them, the same at every call."""
    title = plain(name)[:LONGEST].strip() or notebook
    numbers = hashlib.sha256(f"{notebook}\n{title}".encode()).digest()
    p = PALETTES[numbers[31] % len(PALETTES)]
    ornament = ORNAMENTS[numbers[30] % len(ORNAMENTS)](p, numbers)
    tick = (
        f'<circle r="50" fill="{p.light}"/><path d="M-22 2L-7 17L23 -15" fill="none" stroke="{p.deep}"'
        ' stroke-width="11" stroke-linecap="round" stroke-linejoin="round"/>'
    )
    return _svg(p, ornament + tick, title, "Workshop finished", plain(brand)[:LONGEST])


def special_badge(level: int, threshold: int, name: str, brand: str) -> str:
    """``level`` counts from 0 and chooses the metal."""
    p = METALS[min(level, len(METALS) - 1)]
    size = 84 if threshold < 10 else 70
    number = (
        f'<circle r="66" fill="{p.deep}" fill-opacity=".6" stroke="{p.spark}" stroke-width="3"/>'
        f'<text y="{size * 0.36:.0f}" text-anchor="middle" font-family="{FONTS}" font-weight="800"'
        f' font-size="{size}" fill="{p.light}">{threshold}</text>'
    )
    title = plain(name)[:LONGEST].strip() or str(threshold)
    line = f"{threshold} workshops finished"
    return _svg(p, _beads(p, threshold) + number, title, line, plain(brand)[:LONGEST])
