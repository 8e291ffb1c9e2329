"""What always has to hold, whatever happened: one function each, over what was seen after a step."""

from typing import Final

from stateful_oauth.testing.world.invariants import (
    accounts,
    cost,
    others,
    rest,
    roles,
    secrets,
    sessions,
    sign_ins,
    tokens,
    transactions,
)

EVERY_STEP: Final = (
    transactions.the_log_folds_to_the_state,
    transactions.finals_never_change,
    transactions.tabs_do_not_disturb_one_another,
    accounts.a_link_is_here_and_there,
    accounts.a_link_is_decided_at_every_try,
    sign_ins.a_code_is_exchanged_at_most_once,
    sign_ins.a_code_that_another_browser_has_seen_is_never_used,
    sign_ins.only_a_valid_callback_signs_in,
    sign_ins.no_session_is_from_before_an_ending,
    sessions.no_session_lives_after_its_logout_token,
    sessions.every_session_has_its_row,
    sessions.no_grant_lives_after_its_session_was_ended,
    sign_ins.a_sign_out_ends_the_session_at_the_provider,
    sign_ins.no_account_signs_in_as_another_user,
    sign_ins.no_refresh_family_is_killed_by_us,
    roles.privileges_are_those_of_the_newest_token,
    accounts.metadata_is_merged_and_nothing_else,
    others.a_link_that_others_undid_is_made_only_by_its_user,
    others.a_sign_in_notices_what_others_undid,
    others.a_denial_ends_no_grant,
    secrets.nothing_secret_is_in_clear,
    cost.every_action_stays_within_its_limits,
)
AT_REST: Final = (
    rest.nothing_is_left_working,
    rest.links_agree,
    rest.metadata_is_merged_completely,
    rest.connected_accounts_agree,
    others.the_comparison_lists_what_is_left,
    tokens.no_token_is_left_alive,
)

__all__ = ["AT_REST", "EVERY_STEP"]
