"""The requests of clients of IQDB and of Match."""
