"""The object people hold, and the composition root: the only place that knows every room below."""
