"""The events and calls of AWS: the only place that knows them."""
