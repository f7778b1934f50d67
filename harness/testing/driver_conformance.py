"""What every driver promises, as functions that take a way to make a driver and a folder.

Each raises AssertionError where the promise is not kept. They drive the echo system by a story, so
that one body holds for simulated and for real time. Use your own test tool:

    @pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
    def test_driver(promise, tmp_path):
        promise(MyDriver, tmp_path)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.testing.promise import MakeDriver
from harness.testing.promise_administrator import (
    an_administrator_is_waited_for,
    an_administrator_that_is_not_answered_gives_up,
    the_newest_members_are_seen,
)
from harness.testing.promise_link import (
    a_cut_link_delivers_nothing,
    a_delay_slows_its_link,
    a_manager_is_an_end_of_links,
    a_one_way_cut_passes_the_other_way,
    clients_can_be_cut_off,
    duplicates_come_twice_and_are_counted,
    jitter_keeps_the_order,
    loss_loses_and_counts,
    mending_one_tag_leaves_the_other,
    messages_of_a_link_keep_their_order,
    reordering_reorders_and_is_counted,
)
from harness.testing.promise_node import (
    a_compaction_loses_and_doubles_nothing,
    a_killed_node_forgets_what_it_did_not_persist,
    a_paused_node_can_be_killed,
    a_paused_node_misses_time_and_keeps_its_state,
    a_snapshot_replaces_what_was_persisted,
    a_wiped_node_starts_with_nothing,
    actions_that_make_no_sense_are_skipped,
    old_timers_never_fire,
    timers_fire_once_when_they_are_due,
    what_was_acknowledged_survives_a_kill,
)
from harness.testing.promise_run import (
    a_thread_has_a_home_among_the_nodes,
    an_unknown_outcome_retires_the_process,
    node_logs_are_kept_in_the_folder,
    processes_share_a_client,
    the_ending_has_a_dump_of_every_node_that_is_up,
    the_newest_role_wins,
    times_are_since_the_start_and_in_order,
    what_a_client_observes_is_recorded_in_its_order,
)

PROMISES: tuple[Callable[[MakeDriver, Path | None], None], ...] = (
    messages_of_a_link_keep_their_order,
    a_cut_link_delivers_nothing,
    a_one_way_cut_passes_the_other_way,
    a_manager_is_an_end_of_links,
    clients_can_be_cut_off,
    mending_one_tag_leaves_the_other,
    a_delay_slows_its_link,
    jitter_keeps_the_order,
    loss_loses_and_counts,
    duplicates_come_twice_and_are_counted,
    reordering_reorders_and_is_counted,
    what_was_acknowledged_survives_a_kill,
    a_snapshot_replaces_what_was_persisted,
    a_compaction_loses_and_doubles_nothing,
    a_wiped_node_starts_with_nothing,
    a_killed_node_forgets_what_it_did_not_persist,
    timers_fire_once_when_they_are_due,
    old_timers_never_fire,
    a_paused_node_misses_time_and_keeps_its_state,
    a_paused_node_can_be_killed,
    actions_that_make_no_sense_are_skipped,
    an_unknown_outcome_retires_the_process,
    a_thread_has_a_home_among_the_nodes,
    processes_share_a_client,
    what_a_client_observes_is_recorded_in_its_order,
    the_newest_role_wins,
    the_newest_members_are_seen,
    an_administrator_is_waited_for,
    an_administrator_that_is_not_answered_gives_up,
    the_ending_has_a_dump_of_every_node_that_is_up,
    times_are_since_the_start_and_in_order,
    node_logs_are_kept_in_the_folder,
)
