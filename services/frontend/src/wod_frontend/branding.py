"""Whose portal this is: name, logo, colours, links and texts, from a folder of the operator's private overlay.

A mistake in the folder keeps the portal from starting and names itself: better than a page nobody can read.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated

import yaml
from markdown_it import MarkdownIt
from markupsafe import Markup
from pydantic import AfterValidator, AnyHttpUrl, BaseModel, ConfigDict, Field, ValidationError

from wod_frontend.language import current

FILE = "branding.yml"
#: what a text of a folder may be called: terms.en.md, privacy.fr.md
DOCUMENTS = ("terms", "privacy")
PICTURE_KINDS = {".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp", ".jpg": "image/jpeg"}
#: The papers of the style sheet, on which the accent is read.
PAPER, PAPER_DARK = "#fbf8f3", "#151311"
#: WCAG 2.2, 1.4.3
READABLE = 4.5
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).disable("image")


class BrandingWrong(Exception):
    """The folder holds what cannot be used; the message names the file and what to do."""


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2) of ``#rrggbb``."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """From 1 (equal) to 21 (black on white)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _readable_on(paper: str) -> AfterValidator:
    def check(colour: str) -> str:
        if (found := contrast(colour, paper)) < READABLE:
            raise ValueError(f"{colour} on {paper} has a contrast of {found:.1f}; text needs {READABLE}")
        return colour

    return AfterValidator(check)


Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
#: One text for everybody, or one for each language; a language without one reads the English.
Text = Annotated[str, Field(max_length=500)] | dict[str, Annotated[str, Field(max_length=500)]]


class Link(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Text
    href: AnyHttpUrl


class Branding(BaseModel):
    """What ``branding.yml`` may say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(default="Workshops-on-Demand", min_length=1, max_length=60)
    #: a file of the folder, shown in the place of the mark before the name
    logo: str = ""
    accent: Annotated[Colour, _readable_on(PAPER)] | None = None
    accent_dark: Annotated[Colour, _readable_on(PAPER_DARK)] | None = None
    links: tuple[Link, ...] = Field(default=(), max_length=6)
    footer: Text = ""
    #: whom to write to about accessibility and data
    contact: str = Field(default="", max_length=254, pattern=r"^([^@\s<>\"]+@[^@\s<>\"]+)?$")
    #: raised with every change of the terms or the privacy statement; kept with each registration
    terms_version: str = Field(default="2026-11", pattern=r"^[A-Za-z0-9.-]{1,20}$")
    folder: Path | None = None

    def text(self, text: Text) -> str:
        """In the visitor's language, else in English."""
        return text if isinstance(text, str) else text.get(current().code, text.get("en", ""))

    @property
    def style(self) -> str:
        """The style sheet that puts the operator's colours over ours; empty where he has none."""
        light = _colours(self.accent) if self.accent else ""
        dark = _colours(self.accent_dark) if self.accent_dark else ""
        return (f":root{{{light}}}" if light else "") + (
            f"@media (prefers-color-scheme: dark){{:root{{{dark}}}}}" if dark else ""
        )

    @property
    def style_address(self) -> str:
        return f"/branding.css?v={hashlib.sha256(self.style.encode()).hexdigest()[:12]}" if self.style else ""

    def document(self, name: str) -> Markup | None:
        """The operator's own terms or privacy statement, from Markdown without HTML; None where he brings none."""
        for code in (current().code, "en"):
            if self.folder is not None and (path := self.folder / f"{name}.{code}.md").is_file():
                return Markup(_MARKDOWN.render(path.read_text()))  # noqa: S704 - the renderer escapes what is not Markdown
        return None

    def picture(self, notebook: str) -> str:
        """The address of the operator's picture for a workshop; empty where he has none."""
        return _pictures(self.folder).get(notebook, "")


def _colours(accent: str) -> str:
    on_accent = max("#ffffff", "#1a1209", key=lambda ink: contrast(ink, accent))
    return f"--accent:{accent};--accent-deep:{accent};--on-accent:{on_accent}"


@cache
def _pictures(folder: Path | None) -> Mapping[str, str]:
    pictures = folder / "pictures" if folder else None
    if pictures is None or not pictures.is_dir():
        return {}
    return {path.stem: f"/branding/pictures/{path.name}" for path in pictures.iterdir() if path.suffix in PICTURE_KINDS}


def read_branding(folder: Path | None, name: str) -> Branding:
    """``name`` counts where the folder gives none. Raises BrandingWrong."""
    if folder is None:
        return Branding(name=name)
    path = folder / FILE
    try:
        said = yaml.safe_load(path.read_text()) or {}
        branding = Branding.model_validate({"name": name} | said | {"folder": folder})
    except (OSError, TypeError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise BrandingWrong(f"{path}: {error}") from error
    logo = folder / branding.logo
    if branding.logo and (logo.suffix not in PICTURE_KINDS or logo.parent != folder or not logo.is_file()):
        raise BrandingWrong(f"{path}: logo: {branding.logo!r} is no {', '.join(PICTURE_KINDS)} file in {folder}")
    return branding
