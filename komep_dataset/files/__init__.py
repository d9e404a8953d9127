"""Where results may go: whose a file is, how it is replaced in one step, and who holds a place while they write."""
