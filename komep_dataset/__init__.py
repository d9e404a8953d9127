"""KoMeP, the Korean Medical Preference dataset: build it, check it, load it."""

__version__ = "0.1.0"
