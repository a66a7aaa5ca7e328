"""The objects of the image bucket that are indexed: all of them, or those of one folder."""

from __future__ import annotations

from dataclasses import dataclass

from functions.aws.settings import PREFIX, SettingInvalid, Settings


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """A folder of the image bucket, or all of it. The index is never in it: it would be indexed again and again."""

    bucket: str

    prefix: str = ""
    """The beginning of each key, with a slash at its end; empty for the whole bucket."""

    @classmethod
    def of(cls, settings: Settings) -> ImageFolder:
        """Return the folder that the settings name.

        Raises SettingInvalid where the index lies in it, or it in the index.
        """
        images = cls(settings.images_bucket(), settings.images_prefix)
        address = f"s3://{images.bucket}/"
        index = settings.index.rstrip("/") + "/"
        if index.startswith(address):
            beside = index.removeprefix(address)
            if beside.startswith(images.prefix) or images.prefix.startswith(beside):
                raise SettingInvalid(
                    f"{PREFIX}IMAGES is {images.bucket!r}, where the index lies, too, in {beside!r}: its thumbnails"
                    f" would be indexed, and theirs, without an end. Give another bucket, or {PREFIX}IMAGES_PREFIX, a"
                    " folder of pictures beside it"
                )
        return images

    def has(self, key: str) -> bool:
        """Return whether the object of this key is indexed."""
        return key.startswith(self.prefix)
