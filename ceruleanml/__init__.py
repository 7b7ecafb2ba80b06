"""From Sentinel-1 scenes and hand labels to slick models, and back to the next labels.

The folders are the stages of the loop, in order: scenes, labels, datasets, models, inference, evaluation,
selection, annotation, cli. A stage imports only stages to its left.
"""

__version__ = "0.1.0"
