"""The HTTP API, version 1: what is below `/v1`, `/healthz`, `/readyz` and `/metrics`."""
