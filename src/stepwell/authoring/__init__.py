"""The front doors: what people write workflows with. They add no table, no status and no worker path."""
