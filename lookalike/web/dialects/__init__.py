"""The HTTP interfaces of IQDB and of Match, for their clients."""
