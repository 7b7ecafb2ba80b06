"""Evaluation: pixel, instance and area metrics, curves, confusion matrices, plots, report.

Holds no selection.
"""
