"""What lies beside the text of a release's card: metadata, Croissant, figures."""
