"""Ansible action: what a task of the overlay's has failed with goes into the request's report, without its secrets."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.datatag import AnsibleTagHelper
from ansible.plugins.action import ActionBase

from wod_backend_agent.hook_output import last_lines
from wod_backend_agent.masking import masked
