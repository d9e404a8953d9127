"""The HTML page of `komep report`: which pairs it holds, its figures, its data block, the page itself."""
