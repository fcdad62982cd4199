"""The api-db's part of ``wod doctor``."""

from fastapi import APIRouter

from wod_api_db.accounts.dependencies import Admin
from wod_api_db.app_state import SessionsDep, SettingsDep
from wod_api_db.diagnosis import probes
from wod_api_db.diagnosis.schemas import Diagnosis
from wod_api_db.wishes.repository import locations
from wod_common.problems import Forbidden, Unauthorized, responses

router = APIRouter(prefix="/api/v1/diagnosis", tags=["diagnosis"])


@router.post("", responses=responses(Unauthorized, Forbidden))
async def diagnose(sessions: SessionsDep, settings: SettingsDep, _: Admin) -> Diagnosis:
    """Looks at the schema, the mail relay, and the road of a signed command to each location; changes nothing.

    Takes some ten seconds where somebody does not answer. With an old schema nothing else is looked at.
    """
    async with sessions() as session:
        schema = await probes.schema(session)
        if not schema.ok:
            return Diagnosis(items=[schema])
        known = list(await locations(session))
    # no transaction is open while others are waited for
    return Diagnosis(items=[schema, *await probes.everything(settings, known)])
