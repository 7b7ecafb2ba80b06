"""Data sets: the tile grid, COCO, building, partition, statistics and checks.

Holds no models.
"""
