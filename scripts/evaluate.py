#!/usr/bin/env python
"""The same as `ceruleanml evaluate`."""

import sys

from ceruleanml.cli.main import main

sys.argv.insert(1, "evaluate")
main()
