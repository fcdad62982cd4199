import sys
from pathlib import Path

import pytest

# test modules are imported by path: what they share has to be found as well
sys.path.insert(0, str(Path(__file__).parent))

from trees_location import Location


@pytest.fixture
def location(tmp_path: Path) -> Location:
    return Location(tmp_path)
