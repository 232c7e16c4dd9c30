"""
How cost grows with the work: C{python -m benchmarks curves}.

L{benchmarks.curves.curve} says what is drawn, L{benchmarks.curves.growth} judges it,
L{benchmarks.curves.plot} draws it.
"""
