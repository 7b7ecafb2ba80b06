"""The command lines of all that runs in a folder, as anybody on the machine could read them."""

import os
import threading
from contextlib import contextmanager
from pathlib import Path

LOOK_S = 0.005


def lines_in(folder):
    """The command line of each process that works in a folder now."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(process / "cwd")) == folder:
                found.add((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip())
        except OSError:  # it ended meanwhile, or is another's
            continue
    return found - {""}


@contextmanager
def watched(folder):
    """A set that gathers the command lines seen in a folder while the block runs."""
    seen, over = set(), threading.Event()

    def look():
        while not over.wait(LOOK_S):
            seen.update(lines_in(folder))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join(60)
