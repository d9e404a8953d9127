"""The DAHL score as a metric."""
