"""Sets of preferences that others made: a pair in any of the field's shapes as one of ours, row by row."""
