//! Group commit: one leads at a time, nobody is left asleep, and each is answered once, after its flush.

mod checks;

use causal_vault_interleavings::queue;

checks::models!(
    queue:
    three_commits_are_each_stored_once_and_answered_after_their_flush,
    groups_of_one_hand_over_to_who_waits,
    groups_of_two_hand_over_to_who_waits,
    a_thread_that_comes_again_finds_the_queue_in_order,
    a_leader_that_panics_leaves_nobody_asleep,
    members_that_are_parted_are_answered_each_by_its_own_flush,
);

checks::caught!(
    queue:
    uncalled by groups_of_one_hand_over_to_who_waits,
    doubled by groups_of_one_hand_over_to_who_waits,
    hasty by groups_of_one_hand_over_to_who_waits,
    late by three_commits_are_each_stored_once_and_answered_after_their_flush,
    kept by three_commits_are_each_stored_once_and_answered_after_their_flush,
    again by groups_of_one_hand_over_to_who_waits,
    deaf by groups_of_one_hand_over_to_who_waits,
    abandoned by a_leader_that_panics_leaves_nobody_asleep,
    torn by three_commits_are_each_stored_once_and_answered_after_their_flush,
);
