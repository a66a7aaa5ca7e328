"""The contract of a store, kept by LocalStack's S3: all but wrong credentials, which it takes."""

from __future__ import annotations

from contextlib import suppress

import pytest

from infra.engines import LOCALSTACK
from shards.testing import StoreTests
from shards.testing.stores import NewStore
from tests.aws.place import Place
from tests.conftest import MakeStore
from tests.servers import BUCKET

# these tests of the usual server run here too, with the fixtures below
from tests.shards.storage.test_bucket import (  # noqa: F401
    folder,
    test_a_bucket_that_is_not_there_says_so,
    test_a_folder_is_not_a_prefix,
    test_a_name_the_client_refuses_is_an_error_that_names_it,
    test_every_name_is_listed_and_can_be_read,
    test_what_is_not_there_says_so,
)
from tests.shards.storage.test_cloud import (  # noqa: F401
    test_lists_more_than_a_page,
    test_two_prefixes_of_a_bucket_are_two_stores,
    test_what_others_keep_in_the_bucket_is_not_listed,
)

pytestmark = [pytest.mark.long, pytest.mark.parametrize("place", [LOCALSTACK.name], indirect=True)]


@pytest.fixture
def s3_environment(place: Place) -> None:
    """A bucket of LocalStack. The variables of this process are those of the place already."""
    with suppress(place.s3.exceptions.BucketAlreadyOwnedByYou):
        place.s3.create_bucket(Bucket=BUCKET)


@pytest.mark.usefixtures("s3_environment")
class TestLocalStack(StoreTests):
    mapped = False
    examples = 25

    @pytest.fixture
    def new_store(self, make_store: MakeStore) -> NewStore:
        return lambda: make_store("cloud")
