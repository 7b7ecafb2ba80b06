"""The shim older tools ask for; everything stands in pyproject.toml."""

__import__("setuptools").setup()
