"""The only place that knows the events and calls of AWS."""
