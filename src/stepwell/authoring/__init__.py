"""The front doors, with which people write workflows; they add no table, no status and no worker path."""
