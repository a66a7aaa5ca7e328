"""The Python API of image-match, over an index: the same names, defaults and types, without Elasticsearch.

>>> from lookalike.image_match import SignatureES
>>> ses = SignatureES("memory://")
>>> ses.add_image("cat.jpg")  # doctest: +SKIP
>>> ses.search_image("copy-of-cat.jpg")[0]["path"]  # doctest: +SKIP
'cat.jpg'

The modules have the names of the original: `goldberg`, `signature_database_base`, `elasticsearch_driver`.
"""

from lookalike.image_match.elasticsearch_driver import SignatureES
from lookalike.image_match.goldberg import CorruptImageError, ImageSignature
from lookalike.image_match.mongodb_driver import SignatureMongo
from lookalike.image_match.signature_database_base import SignatureDatabaseBase

__all__ = ["CorruptImageError", "ImageSignature", "SignatureDatabaseBase", "SignatureES", "SignatureMongo"]
