"""Which api-db the agent reports to."""

import httpx

from wod_backend_agent.api_client import NativeApi
from wod_backend_agent.heartbeat import HeartbeatTaker, NativeHeartbeats
from wod_backend_agent.legacy_api import LegacyApi
from wod_backend_agent.legacy_reporting import LegacyReporter, NoHeartbeats
from wod_backend_agent.reporting import NativeReporter, Reporter
from wod_backend_agent.settings import Settings
from wod_backend_agent.watchdog.incidents import IncidentTaker, NativeIncidents, NoIncidents


def reporter_for(settings: Settings, client: httpx.AsyncClient) -> tuple[Reporter, HeartbeatTaker, IncidentTaker]:
    """``client`` has the api-db's address as its base URL."""
    if settings.reporter == "legacy":
        original = LegacyApi(client, settings.api_username, settings.api_password)
        return LegacyReporter(original, settings.location), NoHeartbeats(), NoIncidents()
    api = NativeApi(client, settings.api_username, settings.api_password)
    return NativeReporter(api), NativeHeartbeats(api, settings.location), NativeIncidents(api, settings.location)
