"""A real Slurm on this machine: munged, slurmctld and two slurmd, of Debian's packages, in a folder of their own.

Two nodes on one host (NodeHostname and ports of their own), no cgroups (proctrack/pgid, task/none), so it runs in a
container. Jobs of the partition `urgent` take the place of those of `main`, which go back into the queue. Needs root,
as munged and slurmd do.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from tests.harness.waiting import wait_until

DAEMONS = ("munged", "slurmctld", "slurmd", "unshare")
CLIENTS = ("sbatch", "squeue", "scancel", "scontrol", "sinfo")

CONF = """\
ClusterName=harness
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={top}/munge.socket
CredType=cred/munge
StateSaveLocation={top}/state
SlurmdSpoolDir={top}/spool.%n
SlurmctldPidFile={top}/slurmctld.pid
SlurmdPidFile={top}/slurmd.%n.pid
SlurmctldLogFile={top}/slurmctld.log
SlurmdLogFile={top}/slurmd.%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,max_rpc_cnt=0
SlurmdParameters=config_overrides
SlurmdTimeout=10
SlurmctldTimeout=10
KillWait=2
MinJobAge=600
ReturnToService=2
DebugFlags=NO_CONF_HASH
RebootProgram=/bin/true
MpiDefault=none
SwitchType=switch/none
PluginDir={plugins}
DefMemPerCPU=64
NodeName={nodes} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports} CPUs=256 RealMemory=100000 State=UNKNOWN
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE OverSubscribe=NO State=UP
PartitionName=urgent Nodes=ALL PriorityTier=10 MaxTime=INFINITE OverSubscribe=NO State=UP
"""


MACHINE = """\
mount --bind {id} /etc/machine-id || exit 1
hostname {node}
mkdir -p {top}/elsewhere && mount --bind {top}/shared {top}/elsewhere || exit 1
exec {slurmd} -D -N {node}
"""
"""Makes a slurmd's surroundings: its `elsewhere` is the folder `shared` of everybody, under another name."""


APART = ("--kill-child=KILL", "--mount", "--uts", "--pid", "--fork", "--mount-proc")


def apart() -> bool:
    """Whether a node may be a machine of its own here: some containers forbid it."""
    return subprocess.run(["unshare", *APART, "true"], capture_output=True, check=False).returncode == 0


def missing() -> str:
    """What this machine lacks for a Slurm of its own; "" for nothing."""
    lacking = [name for name in (*DAEMONS, *CLIENTS) if _which(name) is None]
    if lacking:
        return f"no {', '.join(lacking)} (Debian: slurmctld slurmd slurm-client munge)"
    return "" if os.geteuid() == 0 else "munged and slurmd need root"


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def _ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]


class Slurm:
    """A running cluster: its SLURM_CONF, its daemons by name, and ways to hurt them."""

    def __init__(self, top: Path, nodes: int = 2):
        self.top = top
        self.nodes = [f"n{n}" for n in range(1, nodes + 1)]
        self.conf = top / "slurm.conf"
        self.apart = apart()
        self.running: dict[str, subprocess.Popen] = {}
        self.starts = 0
        self._configure(*_ports(nodes + 1))

    def _configure(self, port: int, *ports: int) -> None:
        for name in ("state", "shared", "elsewhere", *(f"spool.{node}" for node in self.nodes)):
            (self.top / name).mkdir(parents=True)
        plugins = next(Path("/usr/lib").glob("*/slurm-wlm"), Path("/usr/lib/slurm"))
        host = socket.gethostname().partition(".")[0]
        lines = CONF.format(
            host=host, port=port, top=self.top, plugins=plugins, nodes="{nodes}", ports="{ports}"
        ).splitlines()
        template = next(line for line in lines if line.startswith("NodeName="))
        own = [template.format(nodes=node, ports=p) for node, p in zip(self.nodes, ports, strict=True)]
        at = lines.index(template)
        self.conf.write_text("\n".join([*lines[:at], *own, *lines[at + 1 :], ""]))
        (self.top / "munge.key").write_bytes(os.urandom(128))
        (self.top / "munge.key").chmod(0o400)

    @property
    def env(self) -> dict[str, str]:
        return {"SLURM_CONF": str(self.conf)}

    def start(self) -> "Slurm":
        self._daemon("munged", "--foreground", f"--key-file={self.top}/munge.key", f"--socket={self.top}/munge.socket",
                     f"--pid-file={self.top}/munged.pid", f"--log-file={self.top}/munged.log",
                     f"--seed-file={self.top}/munged.seed", "--force")  # fmt: skip
        wait_until((self.top / "munge.socket").exists, 20, self.logs)
        self.start_controller()
        for node in self.nodes:
            self.start_node(node)
        wait_until(lambda: self.nodes_are() == ["idle"], 60, self.logs)
        return self

    def start_controller(self) -> None:
        """One that was killed may have saved no word of its last jobs: the next gives out other ids, or a node that
        still has such a job would be drained.
        """
        self.starts += 1
        kept = self.conf.read_text().partition("FirstJobId=")[0]
        self.conf.write_text(f"{kept}FirstJobId={1000 * self.starts + 1}\n")
        self._daemon("slurmctld", "-D", name="slurmctld")
        wait_until(lambda: "is UP" in self("scontrol", "ping").stdout, 40, self.logs)

    def start_node(self, node: str) -> None:
        """A slurmd that is another machine as far as processes go: its own machine id, host name, pids and mounts."""
        if not self.apart:
            self._daemon("slurmd", "-D", "-N", node, name=node)
            return
        inside = MACHINE.format(id=self.top / f"{node}.machine-id", node=node, top=self.top, slurmd=_which("slurmd"))
        (self.top / f"{node}.machine-id").write_text(os.urandom(16).hex() + "\n")
        self._daemon("unshare", *APART, "sh", "-c", inside, name=node)

    def _daemon(self, program: str, *args: str, name: str = "") -> None:
        path = _which(program)
        assert path, program
        with open(self.top / f"{name or program}.out", "ab") as out:
            env = {**self.env, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
            self.running[name or program] = subprocess.Popen(
                [path, *args], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    def __call__(self, *args: str) -> subprocess.CompletedProcess:
        env = {**self.env, "PATH": os.environ.get("PATH", os.defpath)}
        return subprocess.run(args, env=env, capture_output=True, text=True, timeout=60, check=False)

    def jobs(self) -> dict[str, str]:
        """The state of every job that the controller remembers, by id."""
        rows = self("squeue", "-h", "-t", "all", "-o", "%i %T").stdout.split("\n")
        return dict(row.split() for row in rows if row)

    def nodes_are(self) -> list[str]:
        return self("sinfo", "-h", "-o", "%T").stdout.split()

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        one = self.running.pop(name)
        one.send_signal(number)
        one.wait(30)

    def stop(self) -> None:
        self("scancel", "--signal=KILL", "-u", "root")
        for name in [*self.nodes, "slurmctld", "munged"]:
            with contextlib.suppress(KeyError, subprocess.TimeoutExpired):
                self.kill(name, signal.SIGKILL if name in self.nodes else signal.SIGTERM)

    def logs(self) -> str:
        found = sorted([*self.top.glob("*.log"), *self.top.glob("*.out")])
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-1500:]}" for path in found)
