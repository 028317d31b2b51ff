"""A program whose clock is off, by as much as a test says while it runs (libfaketime)."""

import pathlib

from .servers import Unavailable


class FakeClock:
    """`file` tells how far off the clock is of a program that is started with `env`; what counts time passed is not moved. Unavailable without the library.
    With a C library of our own day (`new_libc`: that of the servers that are unpacked) the library's care for waits would hold a lock for ever."""

    def __init__(self, file, new_libc=False):
        library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
        if library is None:
            raise Unavailable("libfaketime is not installed (tools/install.sh test)")
        self._file = pathlib.Path(file)
        self.env = {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        if new_libc:
            self.env["FAKETIME_FORCE_MONOTONIC_FIX"] = "0"
        self.is_off_by(0)

    def is_off_by(self, seconds):
        """Read at any time: never half-written."""
        self._file.with_suffix(".new").write_text(f"{seconds:+d}")
        self._file.with_suffix(".new").rename(self._file)
