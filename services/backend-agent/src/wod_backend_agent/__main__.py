"""``python -m wod_backend_agent``."""

import sys

from wod_backend_agent.app import create_app, serve
from wod_backend_agent.outside import real_parts
from wod_backend_agent.settings import Misconfigured, take_settings
from wod_common.logs import configure_logging


def main() -> None:
    configure_logging("backend-agent")
    try:
        settings = take_settings()
    except Misconfigured as error:
        sys.exit(str(error))
    serve(create_app(settings, real_parts), settings)


if __name__ == "__main__":
    main()
