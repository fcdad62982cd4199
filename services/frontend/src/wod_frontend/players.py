"""Recordings: whose player may be opened, and only after a click."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from wod_frontend.security import HEADERS
from wod_frontend.words import web_address

_YOUTUBE = re.compile(r"^https?://(?:www\.|m\.)?(?:youtube\.com/(?:watch\?(?:.*&)?v=|embed/)|youtu\.be/)([\w-]{11})")
_VIMEO = re.compile(r"^https?://(?:www\.)?vimeo\.com/(\d{5,12})")


@dataclass(frozen=True)
class Player:
    """``src`` goes into a frame once it is asked for; without one the recording is opened on its own site."""

    link: str
    src: str = ""

    @property
    def host(self) -> str:
        return urlsplit(self.link).hostname or ""

    @property
    def headers(self) -> dict[str, str]:
        """The page may frame this player's site and no other."""
        if not self.src:
            return {}
        site = f"https://{urlsplit(self.src).hostname}"
        return {"Content-Security-Policy": f"{HEADERS['Content-Security-Policy']}; frame-src {site}"}


def player_of(replay_link: str) -> Player | None:
    """None where there is no recording."""
    if not web_address(replay_link):
        return None
    if found := _YOUTUBE.match(replay_link):
        return Player(replay_link, f"https://www.youtube-nocookie.com/embed/{found[1]}?autoplay=1")
    if found := _VIMEO.match(replay_link):
        return Player(replay_link, f"https://player.vimeo.com/video/{found[1]}?autoplay=1&dnt=1")
    return Player(replay_link)
