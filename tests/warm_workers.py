"""Processes of multiprocessing, Dask's workers too, that need not import PyTorch: a server that has it forks them.

What this does not show: that a worker starts with nothing imported, and with the settings that parallel.py gives
libraries to read when they are imported. tests/test_parallel.py starts workers as users do.
"""

from contextlib import contextmanager
from multiprocessing import forkserver, get_context

PRELOAD = [
    "torch", "torchvision", "distributed.nanny", "ceruleanml.models.learner", "ceruleanml.models.ensemble",
    "ceruleanml.selection.embedding", "ceruleanml.selection.slick_task",
]  # fmt: skip


@contextmanager
def forked_workers():
    """Clusters that begin in the block fork their workers from the server, which starts where this process has none."""
    import dask
    from distributed.utils import get_mp_context

    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        get_mp_context()  # the first call says what Dask itself would load beforehand
        get_context("forkserver").set_forkserver_preload(PRELOAD)
        forkserver.ensure_running()
        yield
