"""Which files a sync is about, as names that end in NUL bytes and begin with ./ (so that none looks like an option).

names.py present        what git tracks here, or would: neither ignored nor removed
names.py gone SENT      names in the file SENT (what the last syncup sent) that are here no longer
names.py excluded SENT  the same as patterns that keep rsync from bringing them
names.py wanted SENT    of the names on standard input (what the machine has) those to bring here
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path


def present() -> Iterator[bytes]:
    """The names of git's set that exist. A repository within this one is not entered."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-x", ".sync/", "-z"]
    for name in split(subprocess.run(listed, check=True, stdout=subprocess.PIPE).stdout):
        if name.endswith(b"/") or (os.path.isdir(name) and not os.path.islink(name)):
            print(f"{os.fsdecode(name)}: a repository of its own; it is not sent", file=sys.stderr)
        elif os.path.lexists(name):
            yield b"./" + name


def gone(sent: Path) -> list[bytes]:
    """The names that were sent once and that are removed here since."""
    before = split(sent.read_bytes()) if sent.exists() else []
    return [name for name in dict.fromkeys(before) if is_safe(name) and not os.path.lexists(name)]


def excluded(sent: Path) -> list[bytes]:
    """The names that are gone, as patterns of rsync: `/` is this folder, and nothing in a name stands for another."""
    # To rsync a backslash is one like any other unless the pattern holds a wildcard.
    patterns = (name[1:] for name in gone(sent))
    return [re.sub(rb"([*?\[\\])", rb"\\\1", one) if re.search(rb"[*?\[]", one) else one for one in patterns]


def wanted(names: Iterable[bytes], sent: Path) -> list[bytes]:
    """The names that lie within this folder, that git does not ignore here, and that were not removed here."""
    removed = set(gone(sent))
    safe = [name for name in names if is_safe(name) and name not in removed]
    # `--verbose --non-matching` says of each name by which pattern it is ignored; `!pattern` takes one back.
    asked = ["git", "check-ignore", "--stdin", "-z", "--verbose", "--non-matching"]
    answer = subprocess.run(asked, input=b"".join(n + b"\0" for n in safe), stdout=subprocess.PIPE)
    if answer.returncode not in (0, 1):
        sys.exit(2)  # git has said why
    fields = answer.stdout.split(b"\0")
    verdicts = (fields[at + 2 : at + 4] for at in range(0, len(fields) - 1, 4))
    return [name for pattern, name in verdicts if not pattern or pattern.startswith(b"!")]


def is_safe(name: bytes) -> bool:
    """Whether a name stays within this folder and out of git's own: the machine's list is not trusted with either."""
    parts = name.split(b"/")
    return parts[0] == b"." and len(parts) > 1 and not {b"", b"..", b".git", b".sync"} & {p.lower() for p in parts[1:]}


def split(text: bytes) -> list[bytes]:
    """The names of a text in which each ends with NUL."""
    return text.split(b"\0")[:-1]


if __name__ == "__main__":
    verb, *files = sys.argv[1:]
    if verb == "present":
        names: Iterable[bytes] = present()
    elif verb == "gone":
        names = gone(Path(files[0]))
    elif verb == "excluded":
        names = excluded(Path(files[0]))
    else:
        names = wanted(split(sys.stdin.buffer.read()), Path(files[0]))
    sys.stdout.buffer.write(b"".join(name + b"\0" for name in names))
