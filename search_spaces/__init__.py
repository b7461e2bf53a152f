"""What a network may be: architectures, their building blocks, and the spaces a search draws them from."""

from millinet.deploy import reparameterise
from search_spaces.architecture import Architecture
from search_spaces.blocks import BLOCKS
from search_spaces.description import Head, Stage, Stem
from search_spaces.heads import HEADS
from search_spaces.layers import Layers
from search_spaces.networks import NETWORKS, network
from search_spaces.part import Part, Place
from search_spaces.points import Point, Points
from search_spaces.space import SearchSpace, load_space
from search_spaces.stems import STEMS

__all__ = [
    "BLOCKS",
    "HEADS",
    "NETWORKS",
    "STEMS",
    "Architecture",
    "Head",
    "Layers",
    "Part",
    "Place",
    "Point",
    "Points",
    "SearchSpace",
    "Stage",
    "Stem",
    "load_space",
    "network",
    "reparameterise",
]
