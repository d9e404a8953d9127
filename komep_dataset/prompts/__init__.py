"""Every prompt that a model is given, in English and Korean."""
