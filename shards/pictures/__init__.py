"""From bytes to pixels. The only place that knows Pillow."""
