"""``python -m wod_jupyterhub.proxy_process``: the pip-only proxy, with two things about websockets mended.

It names no subprotocol to the browser, though the server behind it has chosen one, and a browser then ends the
connection: no cell would ever run. And it passes binary frames on as text.
"""

import sys

from configurable_http_proxy import configproxy
from configurable_http_proxy.cli import main
from configurable_http_proxy.handlers import ProxyHandler


class WebSocketProxyHandler(ProxyHandler):
    """The connection to the server is open before the browser is answered."""

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        chosen: str | None = self.ws_client.selected_subprotocol if self.ws_client else None
        return chosen if chosen in subprotocols else None

    def on_message(self, message: str | bytes) -> None:
        if self.ws_client:
            if self.target and self.target["prefix"]:
                self.proxy.update_last_activity(self.target["prefix"])
            self.ws_client.write_message(message, binary=isinstance(message, bytes))


if __name__ == "__main__":
    vars(configproxy)["ProxyHandler"] = WebSocketProxyHandler
    sys.exit(main())
