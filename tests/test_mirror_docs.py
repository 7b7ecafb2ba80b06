"""docs/mirror.md shows what its commands print, with a server on this machine for the bucket."""

import os
import re
import sys
from pathlib import Path

from bucket_made import surroundings
from processes import finished
from servers import gcs_server
from test_docs import FENCE, ROOT, plain

SPEED = re.compile(r"in [\d.,]+ s, [\d.,]+ MB/s")


def test_the_page_shows_what_its_commands_print(tmp_path, warm_cli):
    (tmp_path / "server" / "our-bucket").mkdir(parents=True)
    (tmp_path / "work").mkdir()
    here, checked, printed = Path(sys.executable).parent, 0, ""
    with gcs_server(tmp_path / "server") as server:
        environment = surroundings(server["CPL_GS_ENDPOINT"].rstrip("/"), tmp_path / "cache")
        environment["PATH"] = f"{warm_cli}:{here}:{os.environ['PATH']}"
        for language, content in FENCE.findall((ROOT / "docs" / "mirror.md").read_text()):
            if language == "sh":
                run = finished(["bash", "-e", "-c", content], cwd=tmp_path / "work", env=environment)
                assert run.returncode == 0, f"{content}\n{run.stderr}"
                printed = run.stdout
            elif language == "text":
                assert plain(SPEED.sub("in …", content)) == plain(SPEED.sub("in …", printed)), content
                checked += 1
    assert checked == 4
