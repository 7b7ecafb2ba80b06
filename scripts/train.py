"""`ceruleanml train` as a file, for `accelerate launch scripts/train.py …` and for debuggers."""

import sys

from ceruleanml.cli.main import main

if __name__ == "__main__":
    sys.argv.insert(1, "train")
    main()
