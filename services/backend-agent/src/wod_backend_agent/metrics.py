"""The agent's own figures at ``/metrics``, read when they are asked for."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wod_backend_agent.heartbeat import Heart
from wod_backend_agent.journal import Journal
from wod_backend_agent.scheduler import Scheduler


class AgentFigures(Collector):
    def __init__(self, journal: Journal, scheduler: Scheduler, heart: Heart) -> None:
        self._journal = journal
        self._scheduler = scheduler
        self._heart = heart

    def collect(self) -> Iterator[Metric]:
        commands = _commands()
        for state, count in self._journal.count_by_state().items():
            commands.add_metric([state], count)
        yield commands
        yield GaugeMetricFamily("wod_agent_waiting", "Commands in line", value=self._scheduler.waiting)
        yield GaugeMetricFamily("wod_agent_running", "Commands that hold a place", value=self._scheduler.running)
        yield GaugeMetricFamily(
            "wod_agent_heartbeat_age_seconds",
            "Since the api-db last took a heartbeat, or since the start",
            value=self._heart.age,
        )

    def describe(self) -> Iterator[Metric]:
        """Given so that registering does not ask the journal."""
        yield _commands()


def _commands() -> GaugeMetricFamily:
    return GaugeMetricFamily("wod_agent_commands", "Commands in the journal", labels=["state"])
