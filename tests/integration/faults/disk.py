"""Disks and links that can be filled and cut. They need root; without it they say so."""

import contextlib
import os
import pathlib
import random
import subprocess

from lutralab.servers import Unavailable


def as_root(*words):
    """Run what only root may; Unavailable with what it said."""
    if os.geteuid() != 0:
        raise Unavailable(f"only root may {' '.join(map(str, words[:2]))}")
    run = subprocess.run(list(map(str, words)), capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if run.returncode != 0:
        raise Unavailable(f"{' '.join(map(str, words))}: {run.stderr.strip()}")


class Disk:
    """A tmpfs of so many megabytes, mounted at a folder of its own."""

    def __init__(self, folder, megabytes):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        as_root("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "lutra-test", self.folder)

    def close(self):
        as_root("umount", "-l", self.folder)

    def fill(self):
        with open(self.folder / "filler", "wb", buffering=0) as filler:
            for piece in (1 << 20, 1 << 12):
                with contextlib.suppress(OSError):
                    while filler.write(bytes(piece)) == piece:
                        pass

    def free(self):
        (self.folder / "filler").unlink()

    @contextlib.contextmanager
    def full(self):
        self.fill()
        try:
            yield
        finally:
            self.free()


class Failing:
    """A file system of its own in a file, mounted at a folder: fails() makes it what it is behind an error of its disk."""

    def __init__(self, folder, megabytes):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        image = self.folder.with_suffix(".image")
        with open(image, "wb") as file:
            file.truncate(megabytes << 20)
        as_root("mkfs.ext4", "-q", image)
        as_root("mount", "-o", "loop", image, self.folder)

    def close(self):
        as_root("umount", "-l", self.folder)

    def fails(self):
        """Nothing can be written from now on."""
        as_root("mount", "-o", "remount,abort", self.folder)


class Net:
    """A network namespace, that of another one where `of` says so, joined to ours by one link that can be cut."""

    def __init__(self, of=None):
        number = random.SystemRandom().randrange(1 << 14)
        self._of = of
        self.name = of.name if of else f"lutra{number}"
        self._link, self._far_link = f"lt{number}", f"ltf{number}"
        # The range for measurements between networks (RFC 2544), a pair of addresses of it.
        third, fourth = divmod(number * 4, 256)
        self.here, self.there = (f"198.{18 + (third >> 8)}.{third & 255}.{fourth + i}" for i in (1, 2))
        if of is None:
            as_root("ip", "netns", "add", self.name)
        try:
            as_root("ip", "link", "add", self._link, "type", "veth", "peer", "name", self._far_link, "netns", self.name)
            as_root("ip", "addr", "add", f"{self.here}/30", "dev", self._link)
            as_root("ip", "link", "set", self._link, "up")
            self._inside("addr", "add", f"{self.there}/30", "dev", self._far_link)
            self._inside("link", "set", self._far_link, "up")
            self._inside("link", "set", "lo", "up")
        except Unavailable:
            self.close()
            raise

    def _inside(self, *words):
        as_root("ip", "-n", self.name, *words)

    @property
    def prefix(self):
        """What starts a program inside."""
        return ["nsenter", f"--net=/run/netns/{self.name}", "--"]

    def close(self):
        if self._of is None:
            as_root("ip", "netns", "del", self.name)  # and the links with it

    @contextlib.contextmanager
    def cut(self):
        """Nothing comes through, either way."""
        as_root("ip", "link", "set", self._link, "down")
        try:
            yield
        finally:
            as_root("ip", "link", "set", self._link, "up")

    @contextlib.contextmanager
    def deaf(self, inside):
        """One way is lost: what goes to the namespace (inside) or comes from it has an address that nobody has."""
        to, dev, run = (self.there, self._link, lambda *w: as_root("ip", *w)) if inside else (self.here, self._far_link, self._inside)
        run("neigh", "replace", to, "lladdr", "02:00:00:00:00:99", "dev", dev, "nud", "permanent")
        try:
            yield
        finally:
            run("neigh", "del", to, "dev", dev)
