"""Links: one authenticated session a peer, who dials and accepts, and the registry of all."""
