"""What runs on AWS Lambda: handlers, and the events and calls of AWS."""
