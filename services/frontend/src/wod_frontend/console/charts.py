"""Charts as SVG, drawn here: no script, no style of their own, colours from the style sheet by class.

Each has a title and a description for who does not see it; the page has the figures in a table as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH = 600
BAR_HEIGHT, BAR_ROOM, LABEL_WIDTH, FIGURE_WIDTH = 14, 30, 230, 52
COLUMN_HEIGHT, FOOT = 150, 24
LONGEST_LABEL = 32


@dataclass(frozen=True)
class Bar:
    label: str
    value: int


def bars(title: str, shown: Sequence[Bar]) -> Markup:
    """Lying bars, the first on top. Empty where there is nothing to show."""
    most = max((bar.value for bar in shown), default=0)
    if not most:
        return Markup()
    room = WIDTH - LABEL_WIDTH - FIGURE_WIDTH
    drawn = Markup().join(_lying(number, bar, room * bar.value / most) for number, bar in enumerate(shown))
    return _svg("bars", title, _told(shown), len(shown) * BAR_ROOM, drawn)


def _lying(number: int, bar: Bar, length: float) -> Markup:
    top = number * BAR_ROOM
    middle = top + BAR_ROOM / 2 + 4
    return Markup(
        '<text class="label" x="0" y="{middle:.0f}">{label}</text>'
        '<rect class="bar" x="{left}" y="{top:.0f}" width="{length:.1f}" height="{height}" rx="4"/>'
        '<text class="figure-text" x="{behind:.1f}" y="{middle:.0f}">{value}</text>'
    ).format(
        middle=middle,
        label=_short(bar.label),
        left=LABEL_WIDTH,
        top=top + (BAR_ROOM - BAR_HEIGHT) / 2,
        length=max(length, 2.0 if bar.value else 0.0),
        height=BAR_HEIGHT,
        behind=LABEL_WIDTH + length + 8,
        value=bar.value,
    )


def columns(title: str, shown: Sequence[Bar]) -> Markup:
    """Standing columns from left to right, with the first, the middle and the last label and the greatest value."""
    most = max((bar.value for bar in shown), default=0)
    if not most:
        return Markup()
    step = WIDTH / len(shown)
    drawn = [_standing(number, bar.value / most, step) for number, bar in enumerate(shown)]
    marks = [_mark(x, shown[number].label, anchor) for x, number, anchor in _marked(len(shown))]
    top = Markup('<text class="figure-text" x="0" y="12">{}</text>').format(most)
    line = Markup('<path class="axis" d="M0 {0}H{1}"/>').format(COLUMN_HEIGHT, WIDTH)
    return _svg("columns", title, _told(shown), COLUMN_HEIGHT + FOOT, Markup().join([*drawn, line, top, *marks]))


def _standing(number: int, share: float, step: float) -> Markup:
    height = (COLUMN_HEIGHT - 20) * share
    gap = min(3.0, step / 5)
    return Markup('<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="1.5"/>').format(
        number * step + gap / 2, COLUMN_HEIGHT - height, step - gap, height
    )


def _marked(count: int) -> list[tuple[float, int, str]]:
    marks = [(0.0, 0, "start"), (WIDTH / 2, count // 2, "middle"), (float(WIDTH), count - 1, "end")]
    return marks if count > 2 else marks[:1]


def _mark(x: float, label: str, anchor: str) -> Markup:
    return Markup('<text class="label" x="{:.0f}" y="{}" text-anchor="{}">{}</text>').format(
        x, COLUMN_HEIGHT + 18, anchor, label
    )


def _short(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"


def _told(shown: Sequence[Bar]) -> str:
    return "; ".join(f"{bar.label}: {bar.value}" for bar in shown if bar.value)


def _svg(kind: str, title: str, told: str, height: float, drawn: Markup) -> Markup:
    return Markup(
        '<svg class="chart chart-{kind}" viewBox="0 0 {width} {height:.0f}" role="img" '
        'aria-labelledby="chart-{kind}-title chart-{kind}-desc">'
        '<title id="chart-{kind}-title">{title}</title><desc id="chart-{kind}-desc">{told}</desc>{drawn}</svg>'
    ).format(kind=kind, width=WIDTH, height=height, title=title, told=told, drawn=drawn)
