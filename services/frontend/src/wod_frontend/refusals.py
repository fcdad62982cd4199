"""Why the api-db has said no, in the visitor's language: it writes English itself."""

from wod_common.problems import ProblemDetails
from wod_frontend.language import current, gettext, later

#: By the problem's type, for who does not read English. The operator's own sentences are not among them: they stay his.
REFUSALS = {
    "class-full": later("Every seat of the class is taken. Ask its instructor for one more."),
    "class-not-open": later("The class lets nobody in now. Look at its hours, and come back in time."),
    "correction-refused": later("The address cannot be put right any more. End this session and register again."),
    "credentials-refused": later(
        "That mail is not sent again now. Wait some minutes, and look into the folder for junk."
    ),
    "extension-refused": later("This session cannot be given more time. Download what you want to keep."),
    "help-refused": later("There is no instructor to ask: the lab belongs to no class, or is over."),
    "offer-gone": later("The seat is not kept for you, or not any more. This page shows where you stand."),
    "workshop-nowhere": later("This workshop is given nowhere at present. Choose another, or come back later."),
}
CHECK = later("This cannot be used. Please check it.")
UNDELIVERED = later("Our mails do not reach your address. Is it right? You can correct it once, or write to us.")


def in_own_words(problem: ProblemDetails, sentence: str = "") -> str:
    """``sentence`` is the one about a single field. Who reads English gets what the api-db says, which is more exact."""
    if current().code == "en":
        return sentence or problem.detail
    return gettext(CHECK if sentence else REFUSALS.get(problem.type, CHECK))


def paused(problem: ProblemDetails) -> str:
    """Why nobody is let in: in the operator's own words, or because there is no place."""
    return in_own_words(problem) if problem.type in REFUSALS else problem.detail


def undelivered(sentence: str | None) -> str | None:
    """What is wrong with the visitor's address; None where mails arrive."""
    return sentence if sentence is None or current().code == "en" else gettext(UNDELIVERED)
