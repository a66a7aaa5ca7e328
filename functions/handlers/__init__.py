"""One Lambda function a file, wiring only."""
