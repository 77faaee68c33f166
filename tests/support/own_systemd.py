"""A systemd of its own for a test: all namespaces but the network, over a copy-on-write view of this machine.

Needs root and overlayfs. Nothing of this machine is changed: what is written goes to memory and is gone with
the block, and what would act on the kernel (udev, sysctl, modules) is masked.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

BOOT_BOUND_S = 30.0
_MASKED = (
    "systemd-udevd.service",
    "systemd-udev-trigger.service",
    "systemd-udevd-kernel.socket",
    "systemd-udevd-control.socket",
    "systemd-sysctl.service",
    "systemd-modules-load.service",
)
_INIT = r"""
set -e
R=$1
mount --make-rprivate /
mount -t proc proc $R/proc
mount -t sysfs sysfs $R/sys
mount -t tmpfs tmpfs $R/sys/fs/cgroup
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  umount $R/sys/fs/cgroup
  mount -t cgroup2 cgroup2 $R/sys/fs/cgroup
else
  mkdir -p $R/sys/fs/cgroup/unified $R/sys/fs/cgroup/systemd
  mount -t cgroup2 cgroup2 $R/sys/fs/cgroup/unified
  mount -t cgroup -o none,name=systemd,xattr cgroup $R/sys/fs/cgroup/systemd
fi
mount -t tmpfs tmpfs $R/run
mount -t tmpfs tmpfs $R/tmp
mount -t tmpfs -o mode=755 tmpfs $R/dev
for node in 'null 1 3' 'zero 1 5' 'full 1 7' 'random 1 8' 'urandom 1 9' 'tty 5 0'; do
  set -- $node
  mknod -m 666 $R/dev/$1 c $2 $3
done
mknod -m 600 $R/dev/console c 5 1
mkdir $R/dev/shm $R/dev/pts
mount -t tmpfs tmpfs $R/dev/shm
mount -t devpts devpts $R/dev/pts
mkdir -p $R/.old
cd $R
# Not chroot: the kernel refuses user namespaces (PrivateUsers) to who was put into one.
pivot_root . .old
cd /
umount -l /.old
export container=other
exec /lib/systemd/systemd --system --unit=basic.target --log-target=journal --show-status=no
"""


_HIERARCHIES = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd")
_OWN_GROUPS = r"""
# Without groups of its own, two systemds would take one another's services for theirs.
for top in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
  if [ -e $top/cgroup.procs ]; then
    mkdir $top/$1
    echo $$ > $top/$1/cgroup.procs
  fi
done
shift
exec "$@"
"""


class CannotBoot(Exception):
    """This machine cannot run a systemd of its own."""


class OwnSystemd:
    """A running one. `run` runs programs in it; `root` is its view of the files, written to from outside, too."""

    def __init__(self, root: Path, init_pid: int) -> None:
        self.root = root
        self.init_pid = init_pid

    def run(
        self, *command: str, bound_s: float = 120, check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program to its end. Raises `AssertionError` if it fails, unless told not to `check`."""
        done = subprocess.run(
            [
                "nsenter",
                "-t",
                str(self.init_pid),
                "-m",
                "-p",
                "-u",
                "-i",
                "-C",
                "-r",
                "-w",
                *command,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=bound_s,
            env={
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": "/",
            },
        )
        assert done.returncode == 0 or not check, f"{' '.join(command)}: {done.stdout[-3000:]}"
        return done

    def show(self, unit: str, name: str) -> str:
        """Return a property of a unit."""
        return self.run("systemctl", "show", unit, f"--property={name}", "--value").stdout.strip()

    def journal(self, unit: str) -> str:
        return self.run("journalctl", "--no-pager", "--quiet", "-u", unit, "-o", "cat").stdout


@contextmanager
def own_systemd(folders: Mapping[str, Path]) -> Iterator[OwnSystemd]:
    """Boot one, with `folders` of this machine, for reading, at these paths; raises `CannotBoot`."""
    needed = ("/lib/systemd/systemd", shutil.which("unshare"), shutil.which("pivot_root"))
    if os.geteuid() != 0 or not all(path and Path(path).exists() for path in needed):
        raise CannotBoot("needs root, systemd, unshare and pivot_root")
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="offhook-systemd-")))
        upper = base / "upper"
        upper.mkdir()
        _mount(stack, upper, "-t", "tmpfs", "tmpfs")
        for name in ("files", "work"):
            (upper / name).mkdir()
        root = base / "root"
        root.mkdir()
        layers = f"lowerdir=/,upperdir={upper / 'files'},workdir={upper / 'work'}"
        _mount(stack, root, "-t", "overlay", "-o", layers, "overlay")
        units = root / "etc/systemd/system"
        units.mkdir(parents=True, exist_ok=True)
        for name in _MASKED:
            (units / name).unlink(missing_ok=True)
            (units / name).symlink_to("/dev/null")
        for path, folder in folders.items():
            target = root / path.lstrip("/")
            target.mkdir(parents=True)
            _mount(stack, target, "--bind", "-o", "ro", str(folder))
        group = f"offhook-test-{os.getpid()}"
        stack.callback(_remove_groups, group)
        command = ["unshare", "--mount", "--pid", "--fork", "--cgroup", "--uts", "--ipc"]
        process = subprocess.Popen(
            [
                "sh",
                "-c",
                _OWN_GROUPS,
                "sh",
                group,
                *command,
                "--kill-child",
                "sh",
                "-c",
                _INIT,
                "sh",
                str(root),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        stack.callback(_end, process)
        yield _booted(process, root)


def _mount(stack: ExitStack, target: Path, *arguments: str) -> None:
    done = subprocess.run(
        ["mount", *arguments, str(target)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CannotBoot(done.stderr.strip())
    stack.callback(subprocess.run, ["umount", "--lazy", str(target)], check=False)


def _booted(process: "subprocess.Popen[bytes]", root: Path) -> OwnSystemd:
    deadline_s = time.monotonic() + BOOT_BOUND_S
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while time.monotonic() < deadline_s and process.poll() is None:
        pids = children.read_text().split() if children.exists() else []
        if pids and Path(f"/proc/{pids[0]}/comm").read_text().strip() == "systemd":
            machine = OwnSystemd(root, int(pids[0]))
            told = machine.run("systemctl", "is-system-running", check=False).stdout.strip()
            if told in ("running", "degraded"):
                return machine
        time.sleep(0.1)
    if process.poll() is None:
        raise CannotBoot(f"systemd did not come up within {BOOT_BOUND_S:g} s")
    assert process.stdout is not None
    raise CannotBoot(process.stdout.read().decode(errors="replace")[-500:])


def _remove_groups(name: str) -> None:
    """Remove the control groups, the innermost first, as soon as their last processes have ended."""
    owns = [path for top in _HIERARCHIES if (path := Path(top, name)).is_dir()]
    deadline_s = time.monotonic() + 5
    while owns and time.monotonic() < deadline_s:
        for own in owns:
            for folder in sorted([own, *own.rglob("*/")], reverse=True):
                with suppress(OSError):
                    folder.rmdir()
        owns = [own for own in owns if own.is_dir()]
        time.sleep(0.05)


def _end(process: "subprocess.Popen[bytes]") -> None:
    # The first process of the namespace takes all others with it.
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
