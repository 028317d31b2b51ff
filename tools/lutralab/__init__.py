"""Private servers, workload, comparison and a handle on lutra: what the tests on real servers, the demo and the
benchmarks are made of."""
