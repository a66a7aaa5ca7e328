"""One Lambda function a file, wiring only; the only place that knows the events of AWS."""
