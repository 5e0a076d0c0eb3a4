"""A Slurm cluster of one node, this machine, for the time of a test."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "scontrol", "sinfo")

# Without authentication: the two processes listen for the time of a test only.
SETTINGS = """
ClusterName=test
SlurmctldHost=localhost
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/none
CredType=cred/none
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1
MpiDefault=none
ReturnToService=2
NodeName=localhost CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes=localhost Default=YES State=UP
"""


def find_program(name: str) -> str | None:
    """Return where a program is; daemons are in folders that not every user's PATH has."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


@contextlib.contextmanager
def slurm_cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Start a cluster, and yield the variable with which Slurm's commands find it.

    Parameters
    ----------
    folder : Path
        For its files.
    """
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    text = SETTINGS.format(
        folder=folder, user=getpass.getuser(), ports=_free_ports(2), cpus=len(_own_cpus())
    )
    (folder / "slurm.conf").write_text(text)
    variables = {"SLURM_CONF": str(folder / "slurm.conf")}
    with contextlib.ExitStack() as stack:
        daemons = [
            stack.enter_context(_daemon(folder / f"{command[0]}.log", command, variables))
            for command in (["slurmctld", "-D"], ["slurmd", "-D", "-N", "localhost"])
        ]
        while "idle" not in (state := _node_state(variables)):  # a process each time
            ended = [daemon.args for daemon in daemons if daemon.poll() is not None]
            logs = [path.read_text() for path in folder.glob("*.log")]
            assert not ended, (ended, *logs)
            assert not any(bad in state for bad in ("inval", "drain")), (state, *logs)
        yield variables


@contextlib.contextmanager
def _daemon(
    log: Path, command: list[str], variables: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    program = find_program(command[0])
    assert program is not None
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, *command[1:]], env={**os.environ, **variables}, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _node_state(variables: dict[str, str]) -> str:
    """Return the state of the node, empty while nobody answers."""
    done = subprocess.run(
        ["sinfo", "--noheader", "--format=%T"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def _free_ports(count: int) -> list[int]:
    """Return numbers of TCP ports that nobody uses."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("localhost", 0))
        return [one.getsockname()[1] for one in sockets]


def _own_cpus() -> set[int]:
    return os.sched_getaffinity(0)
