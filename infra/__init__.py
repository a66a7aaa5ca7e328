"""What puts lookalike into an AWS account, or into a stand-in for one on this machine."""
