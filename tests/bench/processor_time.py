"""Processor seconds (user and system) of running processes, read from Linux's /proc.

The fields are described in https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

PROC = Path("/proc")
# Positions in /proc/PID/stat behind the command's name, which stands in parentheses and may contain blanks.
PARENT = 1
UTIME_TO_CSTIME = slice(11, 15)  # its own user and system time, and those of children that ended


def of_trees(roots: Mapping[str, int], proc: Path = PROC) -> dict[str, float]:
    """Processor seconds of each process ID with all its descendants, by the name given. Empty where there is no /proc.

    A child that has ended counts too, once its parent has waited for it.
    """
    children: dict[int, list[int]] = defaultdict(list)
    ticks: dict[int, int] = {}
    for file in proc.glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        pid = int(file.parent.name)
        children[int(fields[PARENT])].append(pid)
        ticks[pid] = sum(map(int, fields[UTIME_TO_CSTIME]))
    if not ticks:
        return {}
    per_second = os.sysconf("SC_CLK_TCK")
    return {name: sum(ticks.get(pid, 0) for pid in _tree(root, children)) / per_second for name, root in roots.items()}


def _tree(root: int, children: Mapping[int, Iterable[int]]) -> Iterable[int]:
    yield root
    for child in children.get(root, ()):
        yield from _tree(child, children)
