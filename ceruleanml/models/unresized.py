"""Torchvision's preparation of detector input, without its resizing.

Annotations are evaluated here, as torch.jit.script wants them.
"""

from torch import Tensor
from torchvision.models.detection.transform import GeneralizedRCNNTransform


class Unresized(GeneralizedRCNNTransform):  # type: ignore[misc] # torchvision publishes no types
    """Torchvision's transform without its resizing: a tile's pixels keep the ground size that the model learnt."""

    def resize(
        self,
        image: Tensor,
        target: dict[str, Tensor] | None = None,
    ) -> tuple[Tensor, dict[str, Tensor] | None]:
        """The image and its target as they are."""
        return image, target
