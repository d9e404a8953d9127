"""Where results may go.

What enters: the place that a command is told to write to. `outputs` says whether it is ours to replace, and replaces it
in one step; a file is ours by what is in it, and anything else is left as it is. `locks` says who holds a place while
they write.
"""
