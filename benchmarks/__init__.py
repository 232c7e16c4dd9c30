"""
How fast fiscop2p is, beside the plain way to do the same.

C{python -m benchmarks} measures it: two processes for each implementation, each bound to one core,
talking TLS on loopback.  The implementations take turns in every round, because the speed of a
machine drifts by more than what is to be told apart; so a ratio is the median of the ratios of the
rounds, and there is none from runs that did not take turns.

What is measured is an L{operations.operation.Operation}, a module of L{benchmarks.operations}; what
does it is an L{implementations.Implementation}, a module of L{benchmarks.implementations}.  A new
one of either is a module and a line in the package's C{__init__}.
"""
