"""Labels: Photopea layers, GeoJSON, masks, and burning them onto a scene's grid.

Holds no imagery.
"""
