"""English texts in, checked Korean ones out; `checks/` says what a translation must keep."""
