"""Testing workflows: an environment with a virtual clock, crashes, replays, and suites for stores."""
