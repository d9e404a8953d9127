"""How pairs are tried by the gates: in a build (`run`), and again for a finished release (`recorded`)."""
