"""What is read in webhooks, in both forms; and that nothing else in them does harm."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushbot.web.payloads import Build, State, Unreadable, builds
from pushbot.web.signed import Form

REVISION = "6957bb87" * 5


def of(form: Form, body: object, event: str = "") -> tuple[Build, ...]:
    return builds(form, {"X-GitHub-Event": event}, json.dumps(body).encode())


def plain(**changes: object) -> dict[str, object]:
    return {"branch": "main", "revision": REVISION, "state": "success", **changes}


def test_the_own_form() -> None:
    (build,) = of(Form.PUSHBOT, plain(name="ci", url="https://ci.example.org/7"))
    assert build == Build(
        name="ci", branch="main", revision=REVISION, state=State.SUCCESS, url="https://ci.example.org/7"
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("branch", "--upload-pack=x"),
        ("branch", "a b"),
        ("branch", "a\nb"),
        ("revision", "main"),
        ("revision", REVISION[:-1]),
        ("revision", REVISION.upper()),
        ("state", "pending"),
        ("url", "javascript:alert(1)"),
        ("url", "https://x.example.org/\r\nQUIT"),
        ("name", ""),
        ("name", 7),
        ("more", "unknown"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(key: str, value: object) -> None:
    with pytest.raises(Unreadable, match=key):
        of(Form.PUSHBOT, plain(**{key: value}))


def test_names_are_cleaned() -> None:
    (build,) = of(Form.PUSHBOT, plain(name="ci\r\nQUIT \x02bold\u202e"))
    assert build.name.isprintable()
    assert "\n" not in build.name


def test_githubs_commit_status_is_for_each_branch_that_has_it() -> None:
    body = {
        "sha": REVISION,
        "state": "failure",
        "context": "ci/test",
        "target_url": "https://ci.example.org/8",
        "branches": [{"name": "main"}, {"name": "next"}],
        "repository": {"full_name": "o/r"},
    }
    found = of(Form.GITHUB, body, "status")
    assert [(build.branch, build.name, build.state) for build in found] == [
        ("main", "ci/test", State.FAILURE),
        ("next", "ci/test", State.FAILURE),
    ]


@pytest.mark.parametrize("event", ["check_suite", "workflow_run"])
def test_githubs_suites_and_workflows(event: str) -> None:
    inner = {"head_sha": REVISION, "head_branch": "main", "conclusion": "success", "name": None, "app": {"name": "CI"}}
    (build,) = of(Form.GITHUB, {"action": "completed", event: inner}, event)
    assert (build.name, build.branch, build.state) == ("CI", "main", State.SUCCESS)
    assert of(Form.GITHUB, {"action": "requested", event: inner}, event) == ()
    assert of(Form.GITHUB, {"action": "completed", event: {**inner, "conclusion": "cancelled"}}, event) == ()
    assert of(Form.GITHUB, {"action": "completed", event: {**inner, "head_branch": None}}, event) == ()


def test_a_fork_is_not_heard_though_its_branch_is_called_like_ours() -> None:
    def told(repository: str) -> int:
        run = {"head_sha": REVISION, "head_branch": "main", "conclusion": "failure", "name": "buy our things"}
        run["head_repository"] = {"full_name": repository}  # type: ignore[assignment]
        body = {"action": "completed", "workflow_run": run, "repository": {"full_name": "acme/shop"}}
        return len(of(Form.GITHUB, body, "workflow_run"))

    assert (told("acme/shop"), told("mallory/shop")) == (1, 0)


@pytest.mark.parametrize("event", ["ping", "push", "", "star"])
def test_other_events_are_nothing_for_us(event: str) -> None:
    assert of(Form.GITHUB, {"zen": "Keep it logically awesome."}, event) == ()


@given(st.sampled_from(Form), st.sampled_from(["status", "check_suite", "workflow_run", "push"]), st.binary())
def test_any_bytes_are_read_or_refused(form: Form, event: str, body: bytes) -> None:
    with suppress(Unreadable):
        builds(form, {"X-GitHub-Event": event}, body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "sha",
                    "state",
                    "context",
                    "branches",
                    "name",
                    "check_suite",
                    "workflow_run",
                    "head_sha",
                    "action",
                    "revision",
                ]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from(Form), st.sampled_from(["status", "check_suite", "workflow_run"]), _JSON)
def test_any_json_is_read_or_refused(form: Form, event: str, body: object) -> None:
    with suppress(Unreadable):
        for build in of(form, body, event):
            assert build.name.isprintable()


def test_a_deep_body_is_refused() -> None:
    with pytest.raises(Unreadable):
        builds(Form.PUSHBOT, {}, b"[" * 100_000)
