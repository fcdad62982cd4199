"""The cards of the workshops: drawn once, for a page of the catalogue shows two dozen of them."""

from collections.abc import Callable
from functools import lru_cache

from jinja2 import Environment
from markupsafe import Markup

from wod_frontend.language import Language, current
from wod_frontend.wire import Workshop

#: several catalogues of some hundred workshops in each language, about 1 kB each
KEPT = 2048


def cards(jinja: Environment) -> Callable[[Workshop], Markup]:
    """Draws a workshop's card in the language of the request.

    The card is kept by all that it shows, so that it is drawn anew as soon as a seat is taken, and holds nothing of
    whoever looks at it.
    """

    @lru_cache(maxsize=KEPT)
    def drawn(workshop: Workshop, _: Language) -> Markup:
        macro: Callable[[Workshop], Markup] = jinja.get_template("parts.html").module.workshop_card  # type: ignore[attr-defined]  # the template's
        return macro(workshop)

    return lambda workshop: drawn(workshop, current())
