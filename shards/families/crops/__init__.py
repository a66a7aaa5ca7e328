"""The family `crops`: local features, which find a picture that was cropped, framed, turned or put in another."""
