from pathlib import Path

import pytest

from stepwell.errors import NetworkFilesystem
from stepwell.store.sqlite.filesystem import (
    filesystem_of,
    parse_mount,
    parse_mountinfo,
    refuse_network,
    system_mounts,
)
from tests.store.conftest import OpenStore

MOUNTINFO = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /dev/shm rw shared:4 - tmpfs tmpfs rw
41 22 0:44 / /mnt/nfs rw shared:9 - nfs4 server:/export rw,vers=4.2
42 41 0:45 / /mnt/nfs/local rw - xfs /dev/vdb rw
43 22 0:46 / /mnt/my\040share rw - cifs //server/share rw
44 22 0:47 / /mnt/c rw - 9p C:\134 rw,aname=drvfs;path=C:\
45 22 0:48 / /sandbox rw - 9p none rw
46 22 0:49 / /mnt/ssh rw - fuse.sshfs me@host:/ rw
47 22 0:50 / /mnt/lazy rw - fuse.lazyfs lazyfs rw
48 22 0:51 / /covered rw - nfs server:/x rw
49 22 0:52 / /covered rw - ext4 /dev/vdc rw
"""
MOUNT = """
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled)
//me@host/share on /Volumes/share (smbfs, nodev, nosuid, mounted by me)
host:/x on /Volumes/a (b) c (nfs)
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/var/lib/runs.db", "ext4"),
        ("/dev/shm/runs.db", "tmpfs"),
        ("/dev/shmother/runs.db", "ext4"),
        ("/mnt/nfs/runs.db", "nfs4"),
        ("/mnt/nfs/local/deep/runs.db", "xfs"),
        ("/mnt/my share/runs.db", "cifs"),
        ("/mnt/c/runs.db", "drvfs"),
        ("/sandbox/runs.db", "9p"),
        ("/mnt/ssh/runs.db", "fuse.sshfs"),
        ("/covered/runs.db", "ext4"),
    ],
)
def test_the_nearest_mount_above_decides(place: str, kind: str) -> None:
    assert filesystem_of(Path(place), parse_mountinfo(MOUNTINFO)) == kind


def test_macos_mounts() -> None:
    assert parse_mount(MOUNT)[2:] == [("/Volumes/share", "smbfs"), ("/Volumes/a (b) c", "nfs")]
    assert filesystem_of(Path("/Volumes/share/runs.db"), parse_mount(MOUNT)) == "smbfs"


@pytest.mark.parametrize("place", ["/mnt/nfs/x.db", "/mnt/my share/x.db", "/mnt/c/x.db", "/mnt/ssh/x.db"])
def test_networks_are_refused(place: str) -> None:
    with pytest.raises(NetworkFilesystem, match="local disk"):
        refuse_network(Path(place), lambda: parse_mountinfo(MOUNTINFO))


@pytest.mark.parametrize("place", ["/x.db", "/mnt/nfs/local/x.db", "/mnt/lazy/x.db", "/sandbox/x.db"])
def test_local_disks_are_not(place: str) -> None:
    refuse_network(Path(place), lambda: parse_mountinfo(MOUNTINFO))


def test_nothing_is_known_of_a_system_that_cannot_be_asked() -> None:
    assert filesystem_of(Path("/x.db"), []) is None
    refuse_network(Path("/x.db"), list)


def test_this_system_s_own_mounts(tmp_path: Path) -> None:
    for point, kind in system_mounts():
        assert point.startswith("/")
        assert kind
    refuse_network(tmp_path / "runs.db")


@pytest.mark.anyio
async def test_a_store_on_a_network_does_not_open(open_store: OpenStore, path: Path) -> None:
    with pytest.raises(NetworkFilesystem, match=r"nfs.*PostgreSQL"):
        await open_store(mounts=lambda: [(str(path.parent), "nfs")])
    assert not path.exists()
