"""Where runs are kept: each module or package here is one implementation of `stepwell.ports.store.Store`."""
