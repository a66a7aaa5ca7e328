"""Functions that run on AWS Lambda: handlers, and the events and calls of AWS."""
