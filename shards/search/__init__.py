"""Search of a snapshot: the images most like those of a question, and groups of images that are alike."""
