"""``python -m wod_cli``: the same as ``wod``."""

from wod_cli.app import main

main()
