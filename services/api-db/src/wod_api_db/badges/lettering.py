"""Titles that fit: any text in a few balanced lines, measured without knowing the reader's font."""

import unicodedata
from dataclasses import dataclass
from html import escape

#: Width of a bold character in parts of the font's size, generous: fonts differ.
_WIDTHS = (
    ("iljI.,:;'|!·`", 0.33),
    ('frt()[]{}-/\\" *', 0.42),
    ("mwMW@%&—", 0.95),
)
_NARROW = {character: width for characters, width in _WIDTHS for character in characters}
_CAPITAL, _OTHER, _FULL = 0.74, 0.62, 1.05
#: zero width non-joiner and joiner: Persian is written with the one, emoji and Indic scripts with the other
JOINERS = "\u200c\u200d"


def plain(text: str) -> str:
    """One line of characters that XML takes and that cannot turn the writing of what follows."""
    kept = (character if character.isprintable() or character in JOINERS else " " for character in text)
    return " ".join("".join(kept).split())


def width(text: str) -> float:
    """In parts of the font's size; never too little for the fonts we know."""
    return sum(map(_width, text))


def _width(character: str) -> float:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return _FULL
    return _NARROW.get(character, _CAPITAL if character.isupper() or character.isdigit() else _OTHER)


def clusters(text: str) -> list[str]:
    """What a reader takes for one character: accents, joined emoji and flags are not torn apart."""
    found: list[str] = []
    for character in text:
        if found and (_extends(character) or found[-1][-1] == JOINERS[1] or _completes_a_flag(found[-1], character)):
            found[-1] += character
        else:
            found.append(character)
    return found


def _extends(character: str) -> bool:
    is_skin_tone = "\U0001f3fb" <= character <= "\U0001f3ff"
    return unicodedata.category(character)[0] == "M" or character in JOINERS or is_skin_tone


def _completes_a_flag(before: str, character: str) -> bool:
    return len(before) == 1 and all("\U0001f1e6" <= one <= "\U0001f1ff" for one in before + character)


@dataclass(frozen=True)
class Block:
    """Lines of one size, set around a centre."""

    lines: tuple[str, ...]
    size: int

    @property
    def height(self) -> float:
        return 1.2 * self.size * len(self.lines)

    def svg(self, x: int, centre: int, attributes: str) -> str:
        first = centre - self.height / 2 + 0.93 * self.size
        return "".join(
            f'<text x="{x}" y="{first + 1.2 * self.size * number:.0f}" font-size="{self.size}" {attributes}'
            f"{_direction(line)}>{escape(line)}</text>"
            for number, line in enumerate(self.lines)
        )


def set_in(text: str, box_width: int, box_height: int, sizes: range) -> Block:
    """The text in the largest of the falling ``sizes`` that fits; one that never fits ends in an ellipsis.

    A word is torn only where it is longer than a line of the smallest size.
    """
    longest = max((width(word) for word in text.split(" ") if not _is_written_without_blanks(word)), default=0.0)
    whole = [size for size in sizes if longest * size <= box_width]
    for size in whole or sizes:
        lines = _wrap(text, box_width / size)
        block = Block(tuple(_balanced(text, lines, box_width / size)), size)
        if block.height <= box_height:
            return block
    room = max(1, int(box_height / (1.2 * block.size)))
    shortened = _wrap(text, (box_width - block.size) / block.size)[:room]
    return Block((*shortened[:-1], f"{shortened[-1]}…"), block.size)


def _is_written_without_blanks(word: str) -> bool:
    """Chinese and Japanese may break anywhere."""
    return any(unicodedata.east_asian_width(character) in "WF" for character in word)


def _wrap(text: str, limit: float) -> list[str]:
    lines: list[str] = []
    for word in text.split(" "):
        for piece in _pieces(word, limit):
            joined = f"{lines[-1]} {piece}" if lines and piece is not None else piece
            if lines and width(joined) <= limit:
                lines[-1] = joined
            else:
                lines.append(piece)
    return lines


def _pieces(word: str, limit: float) -> list[str]:
    """The word, or what of it fits in a line each."""
    pieces = [""]
    for cluster in clusters(word):
        if pieces[-1] and width(pieces[-1] + cluster) > limit:
            pieces.append("")
        pieces[-1] += cluster
    return pieces


def _balanced(text: str, lines: list[str], limit: float) -> list[str]:
    """As many lines, as even as they can be."""
    longest = max(map(width, lines))
    for tenth in range(6, 10):
        narrower = _wrap(text, limit * tenth / 10)
        if len(narrower) == len(lines) and max(map(width, narrower)) <= longest:
            return narrower
    return lines


def _direction(line: str) -> str:
    """By the first letter that has one; the text is centred either way."""
    strong = next((kind for kind in map(unicodedata.bidirectional, line) if kind in {"L", "R", "AL"}), "L")
    return "" if strong == "L" else ' direction="rtl"'
