"""``python -m wod_mailgate``"""

import logging

import uvicorn

from wod_common.logs import configure_logging
from wod_mailgate.app import create_app
from wod_mailgate.settings import Settings


def main() -> None:
    configure_logging("mailgate")
    # aiosmtpd's own lines below WARNING hold addresses and the mails themselves
    logging.getLogger("mail").setLevel(logging.WARNING)
    settings = Settings()
    # uvicorn ends the application, and with it the gate, on SIGTERM and SIGINT; aiosmtpd is made for asyncio's own loop
    uvicorn.run(create_app(settings), host=settings.host, port=settings.http_port, log_config=None, loop="asyncio")


if __name__ == "__main__":
    main()
