"""Classes over REST, for those who take part: what a code leads to, and asking for help."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict

from wod_api_db.app_state import SettingsDep
from wod_api_db.classes import joining
from wod_api_db.classes.errors import ClassUnknown, HelpRefused
from wod_api_db.classes.guesses import CodeGuessesDep
from wod_api_db.classes.schemas import JoinView
from wod_api_db.db import SessionDep
from wod_api_db.registrations import service
from wod_api_db.registrations.schemas import RegistrationView
from wod_api_db.registrations.views import view
from wod_common.problems import NotFound, TooManyRequests, responses

router = APIRouter(prefix="/api/v1", tags=["classes"])
Code = Annotated[str, Path(max_length=40, pattern=r"^[^\x00]*$", examples=["K7QM-2XRD"])]


class HelpRequest(BaseModel):
    """``false`` takes it back, or says that it has come."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"wanted": True}]})

    wanted: bool


@router.get("/join/{code}", responses=responses(ClassUnknown, TooManyRequests))
async def show_joined_class(code: Code, session: SessionDep, guesses: CodeGuessesDep) -> JoinView:
    """The class of a code. Taking part is a registration for its workshop with the code as ``join_code``."""
    with guesses.counted(of=code):
        return await joining.shown(session, code)


@router.post("/registrations/{token}/help", responses=responses(NotFound, HelpRefused))
async def ask_for_help(
    token: str, request: HelpRequest, session: SessionDep, settings: SettingsDep
) -> RegistrationView:
    """Tells the instructor of one's class that one wants help; again, it keeps the time of the first wish."""
    registration = await service.by_token(session, token, settings, lock=True)
    await joining.ask_for_help(session, registration, wanted=request.wanted)
    return await view(session, registration, settings)
