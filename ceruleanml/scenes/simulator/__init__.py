"""Simulated Sentinel-1 IW scenes: wind, sea, land, ships, slicks, noise and speckle, row block by row block.

Here live the physics and the geometry; what is written to disk, and the labels, are `labels/simulated.py`'s.
"""
