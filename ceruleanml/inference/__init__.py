"""Inference: windows over a scene, blending, post-processing, polygons.

Holds no training.
"""
