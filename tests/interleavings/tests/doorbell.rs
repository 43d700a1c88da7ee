//! The doorbell: no ring is lost for who was there, none is heard after a cancel, and callbacks may use their own bell.

mod checks;

use causal_vault_interleavings::doorbell;

checks::models!(
    doorbell:
    whoever_is_subscribed_hears_every_ring,
    all_who_subscribe_at_once_hear_the_next_ring_and_can_leave,
    a_subscription_ends_once,
    no_ring_that_begins_after_the_cancel_is_heard,
    who_was_cancelled_within_a_ring_is_not_called_by_it,
    a_callback_may_use_its_own_bell,
    what_a_callback_captured_is_dropped_once,
    every_panic_is_counted,
);

checks::caught!(
    doorbell:
    locked by a_callback_may_use_its_own_bell,
    copied by all_who_subscribe_at_once_hear_the_next_ring_and_can_leave,
    unsorted by all_who_subscribe_at_once_hear_the_next_ring_and_can_leave,
    twice by a_subscription_ends_once,
    kept by no_ring_that_begins_after_the_cancel_is_heard,
    blind by who_was_cancelled_within_a_ring_is_not_called_by_it,
    uncounted by every_panic_is_counted,
);
