"""Radar scenes: reading a product, calibrating it, laying it on a grid, context channels, the simulator.

Holds nothing of labels or tiles.
"""
