"""Traffic: how many bytes go over the links, and how many may."""
