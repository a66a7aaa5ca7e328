"""What `make torture` does: the store under every fault, for as long as one likes."""
