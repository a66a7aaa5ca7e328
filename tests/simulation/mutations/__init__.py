"""Protocols that look right and are not. Each lacks one rule of ours, and the simulator has to notice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TypeAlias

from tests.simulation.mutations import clocks, collecting, committing, merging, reading, recording

Mutation: TypeAlias = Callable[[], AbstractContextManager[object]]

MUTATIONS: Mapping[str, Mutation] = {
    mutation.__name__.replace("_", " "): mutation
    for mutation in (
        reading.the_manifest_is_read_before_the_log,
        reading.a_reader_does_not_start_again,
        reading.a_snapshot_is_kept_while_the_manifest_is_the_same,
        reading.lists_of_dead_rows_are_kept_by_segment,
        recording.what_is_folded_is_told_by_a_watermark,
        recording.the_last_to_arrive_wins,
        recording.ties_are_not_compared,
        recording.a_segment_knows_its_earliest_order_instead_of_its_latest,
        recording.a_fold_writes_no_tombstones,
        recording.each_record_of_a_call_is_an_object_of_its_own,
        recording.a_log_object_is_named_by_its_time_alone,
        committing.a_version_that_is_there_counts_as_ones_own,
        committing.a_commit_that_loses_the_race_takes_the_next_number,
        committing.what_nobody_knows_counts_as_done,
        committing.what_nobody_knows_counts_as_refused,
        committing.the_manifest_is_created_before_its_objects,
        committing.log_objects_are_deleted_before_the_fold_is_committed,
        committing.names_are_made_of_the_content_alone,
        committing.names_of_dead_lists_are_made_of_the_content_alone,
        committing.a_commit_does_not_ask_how_old_an_upload_is,
        committing.a_commit_does_not_look_back,
        clocks.a_write_does_not_go_above_what_it_read,
        clocks.writes_take_the_local_time,
        clocks.a_collector_believes_its_clock_and_a_commit_does_not_look_back,
        clocks.nobody_looks_which_index_is_there,
        merging.a_merge_forgets_what_died_meanwhile,
        merging.a_merge_is_put_in_place_whatever_it_replaces_is_there,
        merging.a_merge_mixes_wide_segments_with_others,
        merging.a_merge_drops_tombstones_at_once,
        merging.a_merge_is_dated_by_who_made_it,
        merging.resharding_forgets_what_a_segment_was_made_for,
        merging.the_parts_of_a_split_are_committed_one_by_one,
        collecting.whatever_is_not_named_is_collected_at_once,
        collecting.a_collector_goes_by_age_alone,
        collecting.a_collector_makes_its_fence_when_it_has_deleted,
        collecting.what_the_fence_names_is_deleted_all_the_same,
        collecting.lists_of_dead_rows_do_not_count_as_named,
        collecting.log_objects_go_by_age,
    )
}
"""By what is wrong with them."""
