"""The parts of the machine behind the ports: JSON, exceptions, ids, the clock."""
