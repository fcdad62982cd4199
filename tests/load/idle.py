"""What each service takes while nobody does anything."""

import asyncio

import psutil
from figures import Figure

from wod_demo.stack import Stack

SERVICES = ("postgres", "mailbox", "api-db", "worker", "hub", "agent", "mailgate", "portal")
WINDOW = 5.0  # seconds
WINDOWS = 4
CPU_TARGET = 2.0  # per cent of a core


async def idle(stack: Stack) -> list[Figure]:  # poll: quiet time is what is measured
    """Each service with the processes it has started: share of a core, and memory of its own (PSS)."""
    trees = {name: _tree(pid) for name in SERVICES if (pid := stack.pid(name))}
    cpu = {name: Figure(f"{name}: idle CPU", "% of a core", CPU_TARGET) for name in trees}
    memory = {name: Figure(f"{name}: memory", "MiB") for name in trees}
    for _ in range(WINDOWS):
        before = {name: _cpu_seconds(tree) for name, tree in trees.items()}
        await asyncio.sleep(WINDOW)
        for name, tree in trees.items():
            cpu[name].samples.append((_cpu_seconds(tree) - before[name]) / WINDOW * 100)
            memory[name].samples.append(sum(process.memory_full_info().pss for process in tree) / 2**20)
    return [*cpu.values(), *memory.values()]


def _tree(pid: int) -> list[psutil.Process]:
    top = psutil.Process(pid)
    return [top, *top.children(recursive=True)]


def _cpu_seconds(tree: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in tree]
    return sum(one.user + one.system for one in times)
