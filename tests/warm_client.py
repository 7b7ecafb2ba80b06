"""A command whose process is a child of warm_cli.py's server: it hands over what it has, and ends as that does."""

import json
import os
import signal
import socket
import struct
import sys

NAME = os.path.basename(sys.argv[0])
arguments = sys.argv[1:]
if NAME == "python" and (not arguments or (arguments[0][0] == "-" and arguments[0] not in ("-", "-c"))):
    os.execv(sys.executable, [sys.executable, *arguments])

request = {"arguments": [NAME, *arguments], "folder": os.getcwd(), "environment": dict(os.environ)}
text = json.dumps(request).encode()
with socket.socket(socket.AF_UNIX) as server:
    server.connect("ADDRESS")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGABRT):
        signal.signal(number, lambda number, _: server.send(bytes([number])))
    socket.send_fds(server, [struct.pack("I", len(text))], [0, 1, 2])
    server.sendall(text)
    answer = server.recv(4)
if len(answer) < 4:
    sys.exit("the server of warm_cli.py is gone")
(status,) = struct.unpack("i", answer)
if status < 0:
    if -status != signal.SIGKILL:
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
os._exit(status)
