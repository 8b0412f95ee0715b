"""A SLURM of one node that belongs to the test run: own configuration and key, loopback only, all in one folder.

    with PrivateSlurm(folder) as slurm:
        subprocess.run(["sinfo"], env=slurm.env)

Two partitions, `cpu` and `gpu`, share the node; the two GPUs are device files that every machine has, enough for SLURM
to hand them out. There is no accounting database, so job states come from `squeue` (see docs/slurm.md).
"""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path
from types import TracebackType

import pytest

DAEMONS = ("munged", "slurmctld", "slurmd")
CLIENTS = ("srun", "sbatch", "squeue", "scancel", "scontrol", "sinfo", "sacct")
SYSTEM_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"

CONFIGURATION = """\
ClusterName=private
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
PlugStackConfig={folder}/plugstack.conf
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=pmix
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0,sched_min_interval=0
MinJobAge=3600
ReturnToService=2
EnforcePartLimits=ALL
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:fake:2
PartitionName=cpu Nodes={host} Default=YES MaxTime=1440
PartitionName=gpu Nodes={host} MaxTime=1440
"""
DEVICES = """\
NodeName={host} Name=gpu Type=fake File=/dev/null
NodeName={host} Name=gpu Type=fake File=/dev/zero
"""


def missing_commands() -> list[str]:
    """Commands of SLURM, munge and util-linux that this machine lacks."""
    return [name for name in (*DAEMONS, *CLIENTS, "setpriv") if shutil.which(name, path=SYSTEM_PATH) is None]


def need_slurm() -> None:
    """Where commands are missing, skip the test, but fail it in continuous integration (CI=true)."""
    missing = missing_commands()
    if missing:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(f"no SLURM here: {', '.join(missing)} not found; apt-get install slurm-wlm munge libpmix2")


class PrivateSlurm:
    """The daemons' life: started on entry, answering when entry returns, stopped by process id on exit."""

    def __init__(self, folder: Path, cpus: int = 4, memory: int = 64000) -> None:
        """Write the configuration; `cpus` and `memory` [MB] may exceed the machine's: SLURM only counts them."""
        self.folder = folder
        self.host = socket.gethostname().split(".")[0]
        self.config = folder / "slurm.conf"
        self.processes: list[subprocess.Popen] = []
        self._write_configuration(cpus, memory)
        self.env = self._environment()

    def __enter__(self) -> PrivateSlurm:
        try:
            key, munge = self.folder / "munge.key", self.folder / "munge.socket"
            files = [f"--{name}-file={self.folder}/munge.{name}" for name in ("log", "pid", "seed")]
            self._start("munged", "--foreground", "--force", f"--key-file={key}", f"--socket={munge}", *files)
            self._wait("munged", munge.exists)
            self._start("slurmctld", "-D", "-c", "-f", str(self.config))
            self._start("slurmd", "-D", "-N", self.host, "-f", str(self.config))
            self._wait("slurmctld and slurmd", self._node_is_idle)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Cancel what still runs, then end the daemons that this object started, last one first."""
        if len(self.processes) == len(DAEMONS) and all(process.poll() is None for process in self.processes):
            subprocess.run(["scancel", "--user", getpass.getuser()], env=self.env, timeout=10, check=False)
            self._wait_quietly(lambda: not self.client("squeue", "--noheader"), seconds=10)
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()

    def client(self, *command: str) -> str:
        """Output of a client command such as `client("squeue", "--noheader")`."""
        finished = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=20, check=False)
        return finished.stdout.strip()

    def _write_configuration(self, cpus: int, memory: int) -> None:
        controller_port, node_port = _free_ports(2)
        for name in ("state", "spool", "bin"):
            (self.folder / name).mkdir(parents=True)
        values = {"host": self.host, "folder": self.folder, "user": getpass.getuser(), "cpus": cpus, "memory": memory}
        ports = {"controller_port": controller_port, "node_port": node_port}
        self.config.write_text(CONFIGURATION.format(**values, **ports))
        (self.folder / "gres.conf").write_text(DEVICES.format(host=self.host))
        (self.folder / "plugstack.conf").touch()
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))

    def _environment(self) -> dict[str, str]:
        """The caller's environment with wrappers first on PATH: jobs lose every SLURM_* variable, but not PATH."""
        for name in CLIENTS:
            wrapper = self.folder / "bin" / name
            real = shutil.which(name, path=SYSTEM_PATH)
            wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={self.config} exec {real} "$@"\n')
            wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
        outside = {
            name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH", "SRUN"))
        }
        return outside | {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "SLURM_CONF": str(self.config)}

    def _start(self, name: str, *arguments: str) -> None:
        # Output goes to a file: a pipe that nobody reads would stop the daemon once it is full.
        with (self.folder / f"{name}.out").open("wb") as output:
            # The kernel ends the daemon even if the test run is killed and never comes to `stop`.
            command = ["setpriv", "--pdeathsig=TERM", shutil.which(name, path=SYSTEM_PATH), *arguments]
            process = subprocess.Popen(
                command, env=self.env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        self.processes.append(process)

    def _node_is_idle(self) -> bool:
        return set(self.client("sinfo", "--noheader", "--format=%T").split()) == {"idle"}

    def _wait(self, what: str, ready, seconds: float = 30) -> None:
        if not self._wait_quietly(ready, seconds):
            logs = "\n".join(f"--- {path.name}\n{path.read_text()[-2000:]}" for path in self.folder.glob("*.out"))
            raise RuntimeError(f"{what}: not ready\n{logs}")

    def _wait_quietly(self, ready, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if ready():
                return True
            if any(process.poll() is not None for process in self.processes):
                return False
            time.sleep(0.1)
        return False


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
