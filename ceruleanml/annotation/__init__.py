"""Annotation: queue files and web imagery for the page, importing what it exports, Zooniverse.

Holds no HTML (that is `data-processing/public/`).
"""
