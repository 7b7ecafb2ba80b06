"""The training of `training_made.child` as a script, for launchers of several processes."""

import sys

from training_made import child

if __name__ == "__main__":
    child(*sys.argv[1:])
