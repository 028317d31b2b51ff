"""The table of faults: what is done to a running channel, and what must come out of it. test_fault_table.py runs it."""
