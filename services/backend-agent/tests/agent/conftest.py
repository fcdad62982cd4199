import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

# test modules are imported by path: what they share has to be found as well
sys.path.insert(0, str(Path(__file__).parent))

from agent_doubles import Agent, running_agent


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    async with running_agent(tmp_path) as agent:
        yield agent
