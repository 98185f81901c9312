"""Settings come from the environment, are checked, and keep the key to themselves."""

import os

import pytest
from pydantic import ValidationError

from glassdex.api.options import load_settings
from glassdex.errors import UsageError
from glassdex.settings import Settings

KEY = "not-to-be-seen"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path):
    """No variable of the machine, and no .env file of the folder the tests are run in."""
    for name in list(os.environ):
        if name.startswith(("GLASSDEX_", "QDRANT_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_without_any_variable_the_index_is_a_folder_of_this_machine(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = Settings()
    assert settings.url is None
    assert settings.home.is_relative_to(tmp_path)
    assert settings.indexes == settings.home / "indexes"


def test_variables_are_read(monkeypatch, tmp_path):
    monkeypatch.setenv("GLASSDEX_HOME", str(tmp_path / "here"))
    monkeypatch.setenv("GLASSDEX_THREADS", "3")
    monkeypatch.setenv("GLASSDEX_MAX_DOCUMENT_CHARS", "50")
    settings = Settings()
    assert settings.home == tmp_path / "here"
    assert settings.threads == 3
    assert settings.max_document_chars == 50


def test_a_dot_env_file_is_read_and_the_environment_wins(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("GLASSDEX_THREADS=2\nGLASSDEX_URL=http://file:6333\n")
    monkeypatch.setenv("GLASSDEX_THREADS", "5")
    settings = Settings()
    assert (settings.threads, settings.url) == (5, "http://file:6333")


def test_the_servers_usual_variables_are_understood(monkeypatch):
    monkeypatch.setenv("QDRANT_URL", "http://there:6333")
    monkeypatch.setenv("QDRANT_API_KEY", KEY)
    settings = Settings()
    assert settings.url == "http://there:6333"
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == KEY


def test_an_empty_variable_is_none(monkeypatch):
    monkeypatch.setenv("QDRANT_URL", "")
    monkeypatch.setenv("GLASSDEX_THREADS", "")
    assert Settings().url is None
    assert Settings().threads is None


def test_ours_win_over_the_servers(monkeypatch):
    monkeypatch.setenv("QDRANT_URL", "http://theirs:6333")
    monkeypatch.setenv("GLASSDEX_URL", "http://ours:6333")
    assert Settings().url == "http://ours:6333"


def test_the_url_option_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("GLASSDEX_URL", "http://environment:6333")
    assert load_settings("http://option:6333").url == "http://option:6333"
    assert load_settings().url == "http://environment:6333"


def test_the_key_is_in_no_printed_form(monkeypatch):
    monkeypatch.setenv("GLASSDEX_API_KEY", KEY)
    settings = Settings()
    assert (
        KEY not in f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"
    )


def test_settings_do_not_change_later():
    with pytest.raises(ValidationError):
        Settings().threads = 4


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GLASSDEX_THREADS", "many"),
        ("GLASSDEX_THREADS", "0"),
        ("GLASSDEX_MAX_DOCUMENT_CHARS", "-1"),
    ],
)
def test_a_value_without_meaning_is_named(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=f"{variable} is '{value}'"):
        load_settings()
