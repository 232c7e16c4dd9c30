"""Sending: the way out of a link, from what is queued to the bytes that a peer has room for."""
