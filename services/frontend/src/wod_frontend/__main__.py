"""``python -m wod_frontend``: serves the portal."""

import uvicorn

from wod_common.logs import configure_logging
from wod_frontend.app import create_app
from wod_frontend.settings import Settings


def main() -> None:
    settings = Settings()
    configure_logging("frontend")
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        # its lines would hold personal links
        access_log=False,
        log_config=None,
        # the application trusts whom its settings name
        proxy_headers=False,
        server_header=False,
        # open event streams must not hold up a restart
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main()
