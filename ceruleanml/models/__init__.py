"""Models: U-Net, Mask R-CNN, ensembles, training, configuration, export.

Holds no whole scenes.
"""
