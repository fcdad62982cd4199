"""The proxy in front of the hub, started by it."""

from pathlib import Path

from jupyterhub.proxy import ConfigurableHTTPProxy


class OwnProxy(ConfigurableHTTPProxy):
    """Ends the proxy a killed hub left behind, and nothing else."""

    def _check_pid(self, pid: int) -> None:
        """Called with the pid out of the file; ProcessLookupError says that no proxy of ours has it.

        After a crash of the machine the number may be anybody's, and what passes here is killed.
        """
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except FileNotFoundError as error:
            raise ProcessLookupError(pid) from error
        if self.api_url.rpartition(":")[2].encode() not in arguments or self.command[-1].encode() not in arguments:
            raise ProcessLookupError(pid)
