"""Bytes -> Radiograph -> network input -> picture for a person."""

from lucency.imaging.geometry import InputSpec, Placement, to_input
from lucency.imaging.radiograph import Radiograph
from lucency.imaging.readers import IMAGE_SUFFIXES, read_radiograph

__all__ = ["IMAGE_SUFFIXES", "InputSpec", "Placement", "Radiograph", "read_radiograph", "to_input"]
