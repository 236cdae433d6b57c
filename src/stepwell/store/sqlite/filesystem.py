"""Whether a path lies on a network file system, where SQLite's locks and shared memory do not protect a file."""

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from stepwell.errors import NetworkFilesystem

REMOTE: Final = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "drvfs", "afs", "afpfs", "webdav", "ceph", "glusterfs", "lustre",
    "beegfs", "gpfs", "ocfs2", "gfs2", "orangefs", "pvfs2", "ncpfs", "coda", "macfuse", "osxfuse",
    "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.davfs", "fuse.gcsfuse",
    "fuse.goofys", "fuse.mount-s3", "fuse.blobfuse2", "fuse.juicefs", "fuse.moosefs", "fuse.lizardfs",
    "fuse.smbnetfs", "fuse.curlftpfs",
})  # fmt: skip
"""Types as the system's list of mounts names them. Other FUSE types are let through: many are local."""

Mounts = Iterable[tuple[str, str]]
"""(mount point, type), in the order in which they were mounted."""


def refuse_network(path: Path, mounts: "Callable[[], Mounts] | None" = None) -> None:
    """Raises NetworkFilesystem when the path is on one. `mounts` stands in for the system's list."""
    place = path.resolve()
    kind = "smb" if str(place).startswith("\\\\") else filesystem_of(place, (mounts or system_mounts)())
    if kind in REMOTE or kind == "smb":
        raise NetworkFilesystem(
            f"{path} is on a network file system ({kind}), where SQLite can lose data",
            expected="a local disk",
            hint="Put the file on a local disk, or use PostgreSQL when several machines need it.",
        )


def filesystem_of(place: Path, mounts: Mounts) -> str | None:
    """The type of the file system that holds an absolute path; None when no mount point is above it."""
    found: tuple[int, str | None] = (-1, None)
    above = {place, *place.parents}
    for point, kind in mounts:
        where = Path(point)
        depth = len(where.parts)
        if depth >= found[0] and where in above:  # the later of two on one point covers the earlier
            found = (depth, kind)
    return found[1]


def system_mounts() -> Mounts:
    """What the system says it has mounted; nothing where it cannot be asked."""
    system: str = sys.platform  # as a plain text: each branch is checked on every system
    if system == "linux":
        try:
            return parse_mountinfo(Path("/proc/self/mountinfo").read_text(errors="surrogateescape"))
        except OSError:
            return []
    if system == "darwin":
        return parse_mount(subprocess.run(["/sbin/mount"], capture_output=True, text=True, check=False).stdout)
    return []


def parse_mountinfo(text: str) -> list[tuple[str, str]]:
    """Linux: `36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw`; blanks are written \\040."""
    found = []
    for line in text.splitlines():
        left, dash, right = line.partition(" - ")
        fields = left.split(" ")
        if dash and len(fields) > 4:
            point = fields[4]
            for code in ("040", "011", "012", "134"):
                point = point.replace(f"\\{code}", chr(int(code, 8)))
            # Windows' drives in WSL come as 9p; a sandbox's own root may be 9p, too, and is local.
            found.append((point, "drvfs" if "drvfs" in right else right.split(" ", 1)[0]))
    return found


def parse_mount(text: str) -> list[tuple[str, str]]:
    """macOS: `//me@host/share on /Volumes/share (smbfs, nodev, nosuid)`."""
    found = []
    for line in text.splitlines():
        _, on, rest = line.partition(" on ")
        point, bracket, options = rest.rpartition(" (")
        if on and bracket:
            found.append((point, options.rstrip(")").split(",")[0].strip()))
    return found
