"""Where the work of a run is done: on this machine, or on a Ray cluster. The plan and the numbers are the same."""
