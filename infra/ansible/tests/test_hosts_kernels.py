"""The kernels that an installation can offer, started as a lab would."""

import json
import sys
from pathlib import Path

from hosts_kit import ANSIBLE
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

INSTALLED = "/opt/wod/jupyterhub/current/bin/python"


async def printed(client: AsyncKernelClient, code: str) -> str:
    shown: list[str] = []
    await client.execute_interactive(code, timeout=60, output_hook=lambda told: shown.append(str(told["content"])))
    return "".join(shown)


async def test_bash_kernel_keeps_its_shell_from_one_cell_to_the_next(tmp_path: Path) -> None:
    spec = (ANSIBLE / "roles/kernel_bash/files/kernel.json").read_text()
    assert INSTALLED in spec
    (tmp_path / "bash").mkdir()
    (tmp_path / "bash/kernel.json").write_text(spec.replace(INSTALLED, sys.executable))
    assert json.loads(spec)["display_name"] == "Bash"
    specs = KernelSpecManager(kernel_dirs=[str(tmp_path)])
    manager = AsyncKernelManager(kernel_name="bash", kernel_spec_manager=specs)
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=60)
        await printed(client, "cd / && answer=42")
        assert "42 in /" in await printed(client, 'echo "$answer in $PWD"')
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)
