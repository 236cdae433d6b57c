"""Other systems, measured beside Stepwell on the same server: `python -m benchmarks.peers`."""
