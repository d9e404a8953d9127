"""What a reader sees of a release first: `card.py` writes README.md and its figures, `croissant.py` the metadata of
mlcommons.org/croissant. Facts of the build go in; files beside the data come out."""
