"""What goes over the wire and comes back: addresses, parameters, answers, usage, reasons to end, what may be shown."""
