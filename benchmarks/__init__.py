"""
How fast fiscop2p is, beside the plain ways to do the same.

C{python -m benchmarks} measures it: two processes for each implementation, each bound to one core,
talking on loopback.  The implementations take turns in every round, because the speed of a machine
drifts by more than what is to be told apart; so a ratio is the median of the ratios of the rounds,
and there is none from runs that did not take turns.

I{Naive} is what a Twisted programmer writes first: C{Int32StringReceiver} over Twisted's own TLS,
one C{transport.write} a message; each request is a Deferred with a timeout of its own, a broadcast
a loop over the connections.  I{Blocking} is near what Python can do at all: a blocking socket of
its C{ssl}, which writes and reads 64 KiB at a time.

What is measured is an L{operations.operation.Operation}, a module of L{benchmarks.operations}; what
does it is an L{implementations.Implementation}, a module of L{benchmarks.implementations}.  A new
one of either is a module and a line in the package's C{__init__}.

C{python -m benchmarks curves} shows what becomes of it as the work grows: L{benchmarks.curves}.
"""
