"""Charts, drawn here: shapes as SVG, words as text of the page, so that they are as large on a telephone as elsewhere.

No script, no style of their own; colours and sizes are the style sheet's. The page has the figures in a table as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from wod_frontend.words import number

WIDTH, HEIGHT = 600, 130


@dataclass(frozen=True)
class Bar:
    label: str
    value: int


def bars(shown: Sequence[Bar]) -> Markup:
    """Lying bars, the first on top. Empty where there is nothing to show."""
    most = max((bar.value for bar in shown), default=0)
    if not most:
        return Markup()
    return Markup('<ul class="bars">{}</ul>').format(Markup().join(_lying(bar, bar.value / most) for bar in shown))


def _lying(bar: Bar, share: float) -> Markup:
    return Markup(
        '<li><span class="bars-label">{label}</span><svg class="bars-line" aria-hidden="true" focusable="false">'
        '<rect class="bar" width="{percent:.1f}%" height="100%" rx="4"/></svg><b>{value}</b></li>'
    ).format(label=bar.label, percent=max(100 * share, 0.5 if bar.value else 0.0), value=number(bar.value))


def columns(title: str, shown: Sequence[Bar]) -> Markup:
    """Standing columns from left to right, with the first, the middle and the last label and the greatest value."""
    most = max((bar.value for bar in shown), default=0)
    if not most:
        return Markup()
    step = WIDTH / len(shown)
    drawn = Markup().join(_standing(place, bar.value / most, step) for place, bar in enumerate(shown))
    marks = Markup().join(Markup("<span>{}</span>").format(label) for label in _marked(shown))
    return Markup(
        '<div class="columns-chart"><span aria-hidden="true">{most}</span>'
        '<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{title}: {told}">{drawn}'
        '</svg><div class="columns-marks" aria-hidden="true">{marks}</div></div>'
    ).format(most=number(most), width=WIDTH, height=HEIGHT, title=title, told=_told(shown), drawn=drawn, marks=marks)


def _standing(place: int, share: float, step: float) -> Markup:
    height = HEIGHT * share
    gap = min(3.0, step / 5)
    return Markup('<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        place * step + gap / 2, HEIGHT - height, step - gap, height
    )


def _marked(shown: Sequence[Bar]) -> list[str]:
    last = len(shown) - 1
    return [shown[place].label for place in sorted({0, last // 2, last})]


def _told(shown: Sequence[Bar]) -> str:
    return "; ".join(f"{bar.label}: {bar.value}" for bar in shown if bar.value)
