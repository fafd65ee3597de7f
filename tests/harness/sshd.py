"""A real OpenSSH server on loopback, in a folder of its own, for this user alone and with keys made for it."""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
from pathlib import Path

from tests.harness.waiting import wait_until

PROGRAMS = ("sshd", "ssh", "ssh-keygen")

CONF = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {top}/host_key
AuthorizedKeysFile {top}/authorized_keys
PidFile {top}/sshd.pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PermitUserEnvironment no
AllowUsers {user}
SetEnv A_FAR_SIDE=yes {environment}
"""


def missing() -> str:
    lacking = [name for name in PROGRAMS if _which(name) is None]
    return f"no {', '.join(lacking)} (Debian: openssh-server openssh-client)" if lacking else ""


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


class Sshd:
    """A running server. environment: what a login there finds in its environment, as NAME=value words."""

    def __init__(self, top: Path, environment: dict[str, str]):
        self.top = top
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            self.port = held.getsockname()[1]
        for name in ("host_key", "user_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(top / name)], check=True)
        shutil.copy(top / "user_key.pub", top / "authorized_keys")
        words = " ".join(f'"{name}={value}"' for name, value in environment.items())
        text = CONF.format(port=self.port, top=top, user=getpass.getuser(), environment=words)
        (top / "sshd_config").write_text(text)

    @property
    def options(self) -> list[str]:
        """What ssh needs to get there."""
        own = {
            "Port": self.port,
            "User": getpass.getuser(),
            "IdentityFile": self.top / "user_key",
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.top / "known_hosts",
            "StrictHostKeyChecking": "accept-new",
        }
        return ["-F", "none", *(word for key, value in own.items() for word in ("-o", f"{key}={value}"))]

    def start(self) -> "Sshd":
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # its privilege separation insists
        with open(self.top / "sshd.log", "ab") as log:
            command = [_which("sshd") or "sshd", "-D", "-e", "-f", str(self.top / "sshd_config")]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._answers, 20, (self.top / "sshd.log").read_text)
        return self

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as there:
            return there.recv(4) == b"SSH-"
        return False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
