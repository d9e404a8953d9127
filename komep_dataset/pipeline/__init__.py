"""`komep run`: every stage in order, what is done, and what it will cost."""
