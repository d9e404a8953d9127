"""Asking endpoints: requests, replies that survive a kill, money, workers and servers."""
