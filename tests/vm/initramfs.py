"""The first file system of a machine: finds the disk, leaves the agent in /run, hands over.

It is rebuilt at every boot in memory (a few megabytes), so the agent, the ways to start and nld itself
are never part of the slow image. /run is mounted here and moved into the real root: systemd keeps it as it
is, and so finds a unit for the agent there.
"""

from __future__ import annotations

import gzip
import lzma
from enum import StrEnum
from importlib.resources import files as package_files
from pathlib import Path

from . import packages
from .kernel import Kernel, load_order

# Drivers which lead to the disk and to the agent's port; those that a kernel has built in are skipped.
_DRIVERS = ["virtio_pci", "virtio_blk", "virtio_console", "virtio_rng", "crc32c_generic", "ext4"]


class Start(StrEnum):
    """What becomes process 1 after the disk is mounted."""

    QUICK = "quick"  # the agent alone: a kernel to test, in seconds
    SYSTEMD = "systemd"  # the whole system


_INIT = """#!/bin/busybox sh
export PATH=/bin
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
while read -r module; do insmod /modules/$module; done < /modules/order
tries=0
until [ -b /dev/vda ]; do
    tries=$((tries + 1)); [ $tries -gt 600 ] && { echo 'no disk'; poweroff -f; }
    sleep 0.05
done
mount -t ext4 /dev/vda /root || { echo 'cannot mount the disk'; poweroff -f; }
if [ ! -e /root/var/lib/machine-layer ]; then
    tar -x -C /root -f /layer
    chroot /root /usr/bin/systemd-sysusers
    touch /root/var/lib/machine-layer
fi
mount -t tmpfs -o mode=755,nosuid,nodev run /root/run
cp -a /run/machine /root/run/machine
if [ "$machine_start" = systemd ]; then
    mkdir -p /root/run/systemd/system/multi-user.target.wants
    cp /run/machine/machine-agent.service /root/run/systemd/system/
    ln -s ../machine-agent.service /root/run/systemd/system/multi-user.target.wants/
    first=/sbin/init
else
    first=/run/machine/first
fi
for mount in proc sys dev; do mount -o move /$mount /root/$mount; done
exec switch_root /root $first
"""

# Process 1 of a quick machine: a shell, because it also reaps what the agent's commands leave behind.
_FIRST = """#!/run/machine/busybox sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root LANG=C.UTF-8
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts; mount -t tmpfs shm /dev/shm; mount -t tmpfs tmp /tmp
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t debugfs debug /sys/kernel/debug 2>/dev/null
hostname machine
ip link set lo up
cd /run/machine && python3 -m vm.agent
/run/machine/busybox poweroff -f
"""

_UNIT = """[Unit]
Description=The test harness's agent
DefaultDependencies=no
After=systemd-journald.socket sysinit.target

[Service]
ExecStart=/usr/bin/python3 -m vm.agent
WorkingDirectory=/run/machine
Environment=HOME=/root LANG=C.UTF-8
KillMode=process
"""

_AGENT_FILES = ["__init__.py", "frame.py", "agent.py"]


def build(kernel: Kernel, layer: bytes) -> bytes:
    """Return the compressed archive for one kernel and the layer to unpack over the disk."""
    busybox = (packages.unpacked("busybox-static") / "bin" / "busybox").read_bytes()
    archive = _Archive()
    for directory in ("bin", "run", "run/machine", "run/machine/vm", "modules", "dev"):
        archive.directory(directory)
    archive.file("layer", layer, 0o600)
    archive.file("init", _INIT.encode(), 0o755)
    archive.file("bin/busybox", busybox, 0o755)
    archive.file("run/machine/busybox", busybox, 0o755)
    archive.file("run/machine/first", _FIRST.encode(), 0o755)
    archive.file("run/machine/machine-agent.service", _UNIT.encode(), 0o644)
    for name in _AGENT_FILES:
        archive.file(f"run/machine/vm/{name}", (package_files(__package__) / name).read_bytes(), 0o644)
    order = []
    for path in load_order(kernel, _DRIVERS):
        name = path.name.removesuffix(".xz")
        order.append(name)
        archive.file(f"modules/{name}", _module_bytes(path), 0o644)
    archive.file("modules/order", "".join(f"{name}\n" for name in order).encode(), 0o644)
    return gzip.compress(archive.close(), compresslevel=1)


def _module_bytes(path: Path) -> bytes:
    """Read a module; busybox's insmod does not decompress."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


class _Archive:
    """A cpio archive, "newc" (the kernel's Documentation/driver-api/early-userspace/buffer-format.rst)."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._inode = 0

    def directory(self, name: str) -> None:
        self._add(name, b"", 0o040755)

    def file(self, name: str, data: bytes, mode: int) -> None:
        self._add(name, data, 0o100000 | mode)

    def _add(self, name: str, data: bytes, mode: int) -> None:
        self._inode += 1
        path = name.encode() + b"\0"
        # inode, mode, uid, gid, links, mtime, size, device (2), special device (2), name size, checksum
        fields = [self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + path
        self._parts += [head, bytes(-len(head) % 4), data, bytes(-len(data) % 4)]

    def close(self) -> bytes:
        """Return the archive's bytes."""
        self._add("TRAILER!!!", b"", 0)
        return b"".join(self._parts)
