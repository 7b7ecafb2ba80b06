"""Write the pages of docs/reference that are kept in the repository; `make reference` runs it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from command_pages import command_pages  # noqa: E402
from setting_pages import ROOT, setting_pages  # noqa: E402


def reference() -> dict[Path, str]:
    """What each generated page of docs/reference is to hold, by its path."""
    return {ROOT / "docs" / path: text for path, text in {**command_pages(), **setting_pages()}.items()}


def main() -> None:
    """Write the pages that differ, and remove those of verbs that are no more."""
    wanted = reference()
    for path in sorted({*wanted, *(ROOT / "docs" / "reference" / "cli").glob("*.md")}):
        if path not in wanted:
            path.unlink()
        elif not path.exists() or path.read_text(encoding="utf-8") != wanted[path]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        else:
            continue
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
