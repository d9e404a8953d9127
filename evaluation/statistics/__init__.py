"""What may be compared, by which test, with which interval, drawn as a forest."""
