"""A model on this machine, by transformers: loading, rows of a batch, a shared prefix, generation."""
