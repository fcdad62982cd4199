"""``python -m wod_jupyterhub.proxy_process``: the pip-only proxy, with what it lacks.

It names no subprotocol to the browser, though the server behind it has chosen one, and a browser then ends the
connection: no cell would ever run. And it passes binary frames on as text. It also knows routes by host, and looks at the
path alone: with labs at names of their own, what a student's server answers must not be had under the hub's name.
"""

# the proxy is not annotated
# mypy: disallow-untyped-calls=False

import sys
from typing import Any

from configurable_http_proxy import configproxy
from configurable_http_proxy.cli import main
from configurable_http_proxy.handlers import ProxyHandler


class HostRoutes:
    """The proxy as one request sees it: a route is looked for under the name that was asked for."""

    def __init__(self, proxy: Any, host: str) -> None:
        self._proxy = proxy
        self._host = host

    def __getattr__(self, name: str) -> Any:
        return getattr(self._proxy, name)

    def target_for_req(self, _: str | None, path: str) -> Any:
        return self._proxy.target_for_req(self._host, "/" + path.lstrip("/"))


class WebSocketProxyHandler(ProxyHandler):
    """The connection to the server is open before the browser is answered."""

    async def get_target_url(self, path: str) -> str | None:
        if self.proxy.host_routing and not isinstance(self.proxy, HostRoutes):
            self.proxy = HostRoutes(self.proxy, self.request.host_name)  # type: ignore[assignment]
        target: str | None = await super().get_target_url(path)
        return target

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
    # the hub says the flag alone; this proxy wants a word after it
    sys.argv = [word for given in sys.argv for word in ([given, "yes"] if given == "--host-routing" else [given])]
    sys.exit(main())
