"""Packaging and deployment: to an AWS account, or to a stand-in for one on this machine."""
