"""
What a hostile peer, a broken network or bad luck can do to fiscop2p, tried on purpose.

C{python -m tests.chaos} makes the trials: each in a process of its own, so that its figures of
memory and files are its alone.  A L{tests.chaos.trial.Trial} states a promise, and its figures say
whether it was kept; L{tests.chaos.trials} lists them all.  What is random follows from a seed,
which is printed; C{--seed} makes the same again.

The nodes of a trial are in memory under a virtual clock, or L{tests.chaos.members}: processes, on
loopback or on hosts of their own in network namespaces, L{tests.chaos.hosts}.
"""
