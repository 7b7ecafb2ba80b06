"""The report of a selection: one HTML page and one PDF of the same facts."""

from __future__ import annotations

from pathlib import Path

from ceruleanml.selection.report_facts import Facts
from ceruleanml.selection.report_page import report_html
from ceruleanml.selection.report_pdf import write_pdf
from ceruleanml.storage import write_bytes

HTML_NAME, PDF_NAME = "report.html", "report.pdf"


def write_report(folder: Path, facts: Facts) -> list[Path]:
    """Write report.html and report.pdf into the folder, each whole or not at all; their paths."""
    paths = [folder / HTML_NAME, folder / PDF_NAME]
    write_bytes(paths[0], report_html(facts).encode(errors="xmlcharrefreplace"))
    write_pdf(paths[1], facts)
    return paths
