"""From a picture to its signatures: in this process, or in processes that can be killed."""
