"""``python -m wod_api_db``: the HTTP service."""

import uvicorn

from wod_api_db.app import create_app
from wod_api_db.settings import Settings
from wod_common.logs import configure_logging

configure_logging("api-db")
settings = Settings()
uvicorn.run(
    create_app(settings),
    host=settings.host,
    port=settings.port,
    access_log=False,  # its lines hold personal links
    log_config=None,
    proxy_headers=False,  # the application trusts whom its settings name
    # longer than the 5 s for which httpx keeps an idle connection: closed here first, one with a request on it breaks
    timeout_keep_alive=30,
    timeout_graceful_shutdown=5,
)
