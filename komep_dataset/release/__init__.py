"""A release folder: built, grown, verified, compared; `card/` writes its page."""
