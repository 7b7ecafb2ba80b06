"""Commands of this package in processes that need not import it again: a server that has imports all behind it.

A command of a page is a new process, and importing PyTorch took more of its time than its work did: half an hour of a
run of all tests. Here one process imports the libraries once and runs nothing. For each command it forks, and the
child takes over the arguments, folder, environment and open files of its caller and goes on as the console script
does: a process of its own, with its own exit status. Programs in PATH, `ceruleanml` and `python`, ask for that (see
warm_client.py).

What this does not show: that a command starts with nothing imported, in an order of imports of its own, with another
hash seed, and with settings that libraries read when they are imported (OMP_NUM_THREADS is the server's). tests/
test_cli.py, test_scripts.py, and others start real processes for that.
"""

import atexit
import ctypes
import faulthandler
import gc
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import traceback
import types
import weakref
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path

HEAVY = (
    "torch", "torchvision", "torch.utils.tensorboard", "sklearn.linear_model", "sklearn.cluster", "pyarrow.parquet",
    "matplotlib.pyplot", "rasterio.features", "shapely", "scipy.ndimage", "pyogrio", "fastai.vision.all", "distributed",
    "tabulate",  # which PyTorch imports when a process ends
    "ceruleanml.models.learner", "ceruleanml.cli.main",
)  # fmt: skip
BIN = Path(sys.executable).parent
PATIENCE_S = 300
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of linux/prctl.h


@contextmanager
def served(folder):
    """A folder for the front of PATH whose `ceruleanml` and `python` ask a server, which ends with the caller."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    address = folder / "server"
    client = Path(__file__).with_name("warm_client.py").read_text().replace("ADDRESS", str(address))
    for name in ("ceruleanml", "python"):
        (programs / name).write_text(f"#!{sys.executable} -IS\n{client}")
        (programs / name).chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, __file__, address, str(os.getpid())],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        assert select.select([server.stdout], [], [], PATIENCE_S)[0] and server.stdout.readline() == b"ready\n"
        yield programs
    finally:
        server.kill()
        server.wait(timeout=60)
        server.stdout.close()


def main():
    address, parent = sys.argv[1], int(sys.argv[2])
    end_with(parent)
    for name in HEAVY:
        importlib.import_module(name)
    run_first_verb()
    let_go_of_finalizers()
    gc.freeze()  # what is shared stays shared when a child collects
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(64)
        print("ready", flush=True)
        request = forked_for_each_of(listening)
    os._exit(status_of(request))


def run_first_verb():
    """Import what Typer imports when a verb first runs."""
    from ceruleanml.cli import ending, main

    with redirect_stdout(io.StringIO()):
        assert ending.status_of(main.app, ["--version"]) == 0


def let_go_of_finalizers():
    """What libraries would take down at the end of the process goes with it anyway; children keep their own."""
    for finalizer in list(weakref.finalize._registry):
        finalizer.atexit = False


def status_of(request):
    """The exit status of what was asked for, after all that an ending Python does but taking itself down (2 s)."""
    try:
        become(**request)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for file in (sys.stdout, sys.stderr):
        with suppress(OSError):
            file.flush()
    return status & 255


def end_with(parent):
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def forked_for_each_of(listening):
    """What a caller asks for, in a new process for each; the server itself never returns."""
    server = os.getpid()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that watch
    while True:
        connection, _ = listening.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            end_with(server)
            listening.close()
            return watched(connection)
        connection.close()


def watched(connection):
    """What the caller asks for, in the process that shall do it; the one that watches it ends here."""
    request, files = received(connection)
    watcher = os.getpid()
    child = os.fork()
    if child == 0:
        end_with(watcher)
        connection.close()
        os.setsid()
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        return request
    for file in (*files, 0, 1, 2):
        os.close(file)
    ended = os.pidfd_open(child)
    while ended not in (ready := select.select([connection, ended], [], [])[0]):
        asked = connection.recv(1) if connection in ready else b""
        os.kill(child, asked[0] if asked else signal.SIGKILL)
        if not asked:  # the caller is gone, and what the child started goes with it
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            break
    _, status = os.waitpid(child, 0)
    with suppress(OSError):
        connection.sendall(struct.pack("i", os.waitstatus_to_exitcode(status)))
    os._exit(0)


def received(connection):
    head, files, _, _ = socket.recv_fds(connection, 4, 3)
    (length,) = struct.unpack("I", head)
    text = b""
    while len(text) < length and (more := connection.recv(length - len(text))):
        text += more
    if len(text) < length or len(files) < 3:
        os._exit(1)
    return json.loads(text), files


def become(arguments, folder, environment):
    """Run the program that the arguments name as Python would."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    if "PYTHONFAULTHANDLER" in environment:
        faulthandler.enable()
    sys.path[1:1] = [one for one in environment.get("PYTHONPATH", "").split(os.pathsep) if one]
    name, *rest = arguments
    if name == "ceruleanml":
        script, sys.argv = str(BIN / name), [str(BIN / name), *rest]
    elif rest[0] == "-c":
        return run_code(rest[1], "<string>", ["-c", *rest[2:]])
    elif rest[0] == "-":
        return run_code(sys.stdin.read(), "<stdin>", rest)
    else:
        script, sys.argv = os.path.abspath(rest[0]), rest
    sys.path[0] = os.path.dirname(script)
    runpy.run_path(script, run_name="__main__")


def run_code(code, name, arguments):
    sys.path[0], sys.argv = "", arguments
    sys.modules["__main__"] = module = types.ModuleType("__main__")
    exec(compile(code, name, "exec"), module.__dict__)


if __name__ == "__main__":
    main()
