"""What users of other tools suffer from, each with the tests that say headway does not do it.

The numbers are those of the list that this project was built against; a test that is renamed
or removed must be replaced here.
"""

from __future__ import annotations

import re

import pytest

from tests import REPO

TESTS = REPO / "tests"
WATCH, PROMOTE = "lab/test_watch.py", "lab/test_promote.py"
PICKS, REGISTRY = "domain/rules/test_picks.py", "systems/registry/test_client.py"
PAINS: dict[str, list[tuple[str, str]]] = {
    "1 automation undoes a rollback": [
        (WATCH, "test_a_rollback_is_left_alone_until_something_newer_comes"),
        (PROMOTE, "test_a_rollback_there_is_left_alone"),
        (PICKS, "test_a_rollback_holds_until_something_newer_comes"),
        ("flows/test_watch.py", "test_a_tag_that_is_deleted_after_its_rollback_still_bounds"),
    ],
    "2 an edit reformats the file": [("domain/manifests/test_edits.py", "test_no_other_byte_changes")],
    "3 anchors are lost": [("domain/manifests/test_edits.py", "test_an_alias_is_edited_at_its_anchor")],
    "4 one bad file blocks all, and is not named": [
        ("lab/test_reconcile.py", "test_a_file_that_does_not_parse"),
        ("domain/manifests/test_index.py", "test_a_mistake_has_its_place"),
    ],
    "5 a commit for each image, again and again": [
        (WATCH, "test_a_push_alone_makes_staging_follow"),
        (WATCH, "test_nothing_new_costs_one_request_for_each_image_and_writes_nothing"),
    ],
    "6 equal tags take turns": [(PICKS, "test_equal_tags_do_not_take_turns")],
    "7 a policy flaps, or writes nothing": [
        (PICKS, "test_the_order_of_a_list_says_nothing"),
        (PICKS, "test_picks"),
    ],
    "8 two automations fight": [(WATCH, "test_two_watchers_at_once_make_one_commit")],
    "8b two machines deploy at once": [
        ("lab/test_lease.py", "test_another_machine_waits_for_the_holder"),
        ("lab/test_lease.py", "test_two_machines_release_at_once"),
    ],
    "9 a push loses a race": [
        ("systems/git/test_races.py", "test_four_machines_release_at_once_and_no_change_is_lost")
    ],
    "10 a clone and a push for each service": [(WATCH, "test_a_push_alone_makes_staging_follow")],
    "11 every look clones": [
        ("systems/git/test_tree.py", "test_five_thousand_files_are_indexed_once"),
        ("systems/git/test_source_history.py", "test_it_is_fetched_only_for_what_it_does_not_know"),
        ("systems/git/test_source_history.py", "test_no_files_are_brought_here"),
    ],
    "12 the registry says 429": [
        ("systems/registry/test_pace.py", "test_too_many_requests_are_ridden_out"),
        ("systems/registry/test_pace.py", "test_a_long_pause_holds_for_every_process"),
    ],
    "13 one slow repository stalls all": [
        ("systems/registry/test_scan.py", "test_registries_that_hang_delay_no_other"),
        ("systems/registry/test_scan.py", "test_what_was_left_out_comes_first_the_next_time"),
        (WATCH, "test_a_registry_that_is_down_delays_nobody_else"),
    ],
    "14 thousands of tags from cold": [(REGISTRY, "test_facts_cost_two_requests_and_then_none")],
    "15 very many new tags": [
        (PICKS, "test_ten_thousand_tags_need_one_digest"),
        (REGISTRY, "test_pages_are_followed"),
    ],
    "16 a SHA-1 read as a version": [
        ("domain/rules/test_semver.py", "test_what_is_no_version"),
        (PICKS, "test_picks"),
    ],
    "17 the newest push is not the newest build": [
        (WATCH, "test_rules_by_commit"),
        (PICKS, "test_by_creation_time"),
        ("systems/registry/test_facts.py", "test_first_seen_stays"),
    ],
    "18 the wrong image": [
        ("domain/images/test_reference.py", "test_another_repository_is_refused"),
        (REGISTRY, "test_a_digest_that_does_not_fit_its_content_is_refused"),
    ],
    "20 a failure is noticed by nobody": [
        ("lab/test_notifications.py", "test_a_failure_is_notified_with_its_cause_and_last_words"),
    ],
    "21 a failure holds up its fix": [
        ("lab/test_approval.py", "test_a_newer_release_supersedes_and_a_changed_plan_ends"),
    ],
    "22 succeeded, and it is not": [("lab/test_prefect.py", "test_a_release_through_the_api")],
    "23 a run hangs, and nobody knows": [
        ("trial/test_dead_runs.py", "test_a_killed_process_is_restarted"),
        ("trial/test_dead_runs.py", "test_process_and_worker_are_gone"),
        ("trial/test_machines.py", "test_a_worker_and_a_server_die_in_the_middle_of_ten_releases"),
    ],
    "24 messages are lost, or come twice": [
        ("lab/test_notifications.py", "test_a_release_never_fails_because_slack_does"),
        ("lab/test_notifications.py", "test_killed_in_the_middle_and_notified_once"),
        ("systems/notify/test_slack.py", "test_a_restart_posts_nothing_twice"),
        ("systems/notify/test_slack.py", "test_another_machine_changes_the_same_message"),
    ],
    "25 approvals that will not die": [
        ("lab/test_approval.py", "test_time_runs_out"),
        ("lab/test_approval.py", "test_a_newer_release_supersedes_and_a_changed_plan_ends"),
        ("lab/test_approval.py", "test_nonsense_and_late_answers"),
    ],
    "26 a commit starts the next": [("lab/test_serve.py", "test_a_git_push_reconciles")],
    "27 no windows and freezes": [
        (WATCH, "test_a_freeze_holds_automation_and_people_can_go_past"),
        ("domain/rules/test_windows.py", "test_windows"),
    ],
    "28 services are promoted one by one": [
        (PROMOTE, "test_what_is_live_goes_on_as_one_release"),
        ("flows/test_promote.py", "test_a_chain_of_three_goes_in_one_pass"),
    ],
    "29 the cluster is changed and Git is not": [
        ("lab/test_reconcile.py", "test_drift_is_shown_and_put_right")
    ],
    "30 processes and files leak": [
        (WATCH, "test_a_warm_process_leaks_nothing"),
        ("systems/registry/test_facts.py", "test_it_stays_small"),
    ],
    "31 a pattern without an order": [(PICKS, "test_rules_that_cannot_be_used"), (PICKS, "test_picks")],
}


@pytest.mark.parametrize(
    ("file", "name"),
    [it for tests in PAINS.values() for it in tests],
    ids=lambda it: str(it).partition(".")[0],
)
def test_each_has_its_test(file: str, name: str) -> None:
    """The test that is named is there."""
    assert re.search(rf"^def {name}\(", (TESTS / file).read_text(), re.MULTILINE)
