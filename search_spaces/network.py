"""The model an architecture builds: stem, stages and head in a row."""

from collections.abc import Iterable

from torch import Tensor, nn

from search_spaces.part import Part


class Network(nn.Module):
    """An image classifier, (N, C, H, W) to (N, classes); without a head it returns its last feature map."""

    def __init__(self, stem: Part, stages: Iterable[nn.Sequential], head: Part | None) -> None:
        super().__init__()
        self.stem = stem
        self.stages = nn.Sequential(*stages)
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """Classify images (N, C, H, W), or return the features (N, F, h, w) where there is no head."""
        features = self.features(images)
        return features if self.head is None else self.head(features)

    def features(self, images: Tensor) -> Tensor:
        """Return the last feature map, (N, F, h, w)."""
        return self.stages(self.stem(images))

    def stage_features(self, images: Tensor) -> list[Tensor]:
        """Return the feature map after every stage, each (N, F, h, w)."""
        features = self.stem(images)
        collected = []
        for stage in self.stages:
            features = stage(features)
            collected.append(features)
        return collected
