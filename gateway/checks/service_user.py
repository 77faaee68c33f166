"""Who runs the gateway, where root asks on its behalf, and what that user may read."""

import os
import pwd
import subprocess
from pathlib import Path

from gateway.config import Config
from gateway.install.layout import DEFAULT_USER

CONFIG_FOLDER = Path("/etc/offhook")
BOUND_S = 3.0


def service_user(config: Config, source: Path | None) -> pwd.struct_passwd | None:
    """Return the user who is to run the gateway, if we are root and it is somebody else."""
    if os.geteuid() != 0:
        return None
    try:
        found = pwd.getpwuid(config.gateway.data_dir.stat().st_uid)
    except (OSError, KeyError):
        # Before the first start: of an installed service we know the user.
        if source is None or source.absolute().parent != CONFIG_FOLDER:
            return None
        try:
            found = pwd.getpwnam(DEFAULT_USER)
        except KeyError:
            return None
    return found if found.pw_uid != 0 else None


def may_read(path: Path, user: pwd.struct_passwd) -> bool:
    """Whether a user may, folders and access lists included; True if that cannot be found out."""
    try:
        done = subprocess.run(
            ["test", "-r", str(path)],
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=os.getgrouplist(user.pw_name, user.pw_gid),
            timeout=BOUND_S,
            check=False,
            cwd="/",
        )
    except (OSError, subprocess.SubprocessError):
        return True
    return done.returncode != 1
