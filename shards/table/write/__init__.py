"""From a change to the next manifest."""
