"""What a pair is looked at for before it is released, one module a gate; `trial` runs them."""
