"""The command line as its users meet it: answers, failures, exit codes, JSON."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import glassdex as package
from glassdex.indexer.index import Index
from glassdex.settings import Settings

SORRY = {
    "name": "apologies",
    "paraphrases": ["saying sorry"],
    "group": "speech act",
    "positives": ["my fault, I should have called", "forgive the late answer, it was a bad week"],
    "negatives": ["it was a bad week, thanks for the call"],
}

COMMANDS = ("demo", "index", "search", "latents", "latent", "eval", "train", "label")
COMMANDS += ("export", "import", "bench")

CORPUS = Path(package.__file__).parents[1] / "api" / "demo" / "corpus.jsonl"
"""Just enough text to train on."""

HEAVY = ("torch", "transformers", "numpy", "pyarrow", "pydantic", "qdrant_client", "scipy")


def one_line(text: str) -> str:
    """The only line of a text."""
    (line,) = text.splitlines()
    return line


# What everybody tries first.


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_lists_every_command(glassdex, arguments):
    ran = glassdex(*arguments)
    assert ran.code == 0
    assert all(command in ran.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(glassdex, command):
    ran = glassdex(command, "--help")
    assert ran.code == 0
    assert f"Example: glassdex {command}" in " ".join(ran.out.split())


def test_version(glassdex):
    assert glassdex("--version").out == f"{package.__version__}\n"


def test_the_module_is_the_command():
    command = [sys.executable, "-m", "glassdex", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{package.__version__}\n"


def test_help_waits_for_no_heavy_package():
    code = (
        "import sys; from glassdex.api.cli import with_commands; with_commands()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# Failures: one line that names what is wrong, and an exit code.

WRONG_USAGE = {
    "no-such-command": (["serach", "x"], "Did you mean 'search'"),
    "no-such-option": (["search", "x", "--top", "5"], "No such option: --top"),
    "missing-source": (["index"], "Missing argument 'SOURCE...'"),
    "missing-out": (["train", "texts.jsonl"], "Missing option '--out'"),
    "no-such-mode": (["search", "x", "--mode", "magic"], "hybrid"),
    "k-no-number": (["search", "x", "-k", "ten"], "Invalid value for '-k'"),
    "k-zero": (["search", "x", "-k", "0"], "ask for 1 to"),
    "empty-query": (["search", ""], "the query is empty"),
    "bad-condition": (["search", "x", "-w", "kind"], "write KEY=VALUE"),
    "bad-weight": (["search", "x", "--latent", "7"], "write ID:WEIGHT"),
    "bad-index-name": (["search", "x", "-i", "../x"], "cannot name an index"),
    "bad-address": (["search", "x", "--url", "nowhere"], "write it as http://HOST:PORT"),
    "no-such-system": (["eval", ".", "--systems", "magic"], "choose of random, bm25"),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG_USAGE.values(), ids=WRONG_USAGE)
def test_wrong_usage_exits_with_2(glassdex, arguments, said):
    ran = glassdex(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert said in one_line(ran.err)
    assert one_line(ran.err).startswith("error: ")


FAILURES = {
    "missing-index": (["search", "x"], "index_missing", "there is no index 'default'"),
    "missing-file": (["index", "nope.jsonl"], "input", "there is no file or folder 'nope.jsonl'"),
    "missing-sae": (["label", "/nope", "."], "sae", "/nope/config.json is missing"),
    "no-server": (["search", "x", "--url", "http://127.0.0.1:9"], "store", "cannot be reached"),
    "no-retrieval-set": (["eval", "nope"], "input", "is no BEIR folder"),
}


@pytest.mark.parametrize(("arguments", "code", "said"), FAILURES.values(), ids=FAILURES)
def test_a_failure_exits_with_1_and_says_so_in_json_too(glassdex, arguments, code, said):
    ran = glassdex(*arguments)
    assert ran.code == 1
    assert ran.out == ""
    assert said in one_line(ran.err)
    again = glassdex(*arguments, "--json")
    assert again.code == 1
    assert again.json == {"error": {"code": code, "message": one_line(ran.err)[len("error: ") :]}}


def test_wrong_usage_is_json_too(glassdex):
    ran = glassdex("search", "--json")
    assert ran.code == 2
    assert ran.json["error"]["code"] == "usage"


def test_a_setting_without_meaning_is_wrong_usage(glassdex, monkeypatch):
    monkeypatch.setenv("GLASSDEX_THREADS", "many")
    ran = glassdex("search", "x")
    assert ran.code == 2
    assert "GLASSDEX_THREADS" in one_line(ran.err)


def test_a_home_that_cannot_be_written_is_named(glassdex, texts, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    ran = glassdex("index", texts, home=tmp_path / "file")
    assert ran.code == 1
    assert str(tmp_path / "file") in one_line(ran.err)


def test_an_index_in_use_is_named(glassdex, filled_home):
    with Index.open(Settings(home=filled_home)):
        ran = glassdex("search", "x", home=filled_home)
    assert ran.code == 1
    assert "is open already" in one_line(ran.err)


def test_interrupting_says_how_to_go_on(home):
    # Where the tests run in the background the shell has interrupts ignored, and children too.
    program = (
        "import signal, runpy; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "runpy.run_module('glassdex', run_name='__main__', alter_sys=True)"
    )
    command = [sys.executable, "-c", program, "index", "-"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as running:
        assert running.stdin is not None
        # More than a pipe holds: when it is written, reading has begun.
        running.stdin.write(b"\n" * 2**20)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "the same command again" in one_line(err.decode())


# Bringing documents in.


def test_indexing_again_skips_what_is_there(glassdex, texts, sae_folder):
    first = glassdex("index", texts, "--sae", sae_folder, "--json").json
    assert first["indexed"] == len(texts.read_text(encoding="utf-8").splitlines())
    assert (first["skipped"], first["failed"]) == (0, 0)
    again = glassdex("index", texts, "--json").json
    assert (again["indexed"], again["skipped"]) == (0, first["indexed"])
    assert first.keys() == {"indexed", "skipped", "failed", "tokens", "seconds"}


def test_bad_records_are_told_and_listed(glassdex, tmp_path, home, sae_folder):
    source = tmp_path / "mixed.jsonl"
    source.write_text('{"text": "good"}\n\nno json\n{"txt": "other"}\n')
    ran = glassdex("index", source, "--sae", sae_folder, "--json")
    assert ran.code == 0
    assert (ran.json["indexed"], ran.json["failed"]) == (1, 2)
    listed = home / "failures" / "default.jsonl"
    assert [json.loads(line)["line"] for line in listed.read_text().splitlines()] == [3, 4]
    assert f"{source}:3: malformed JSON" in ran.err
    assert str(listed) in ran.err


def test_without_a_document_no_index_is_made(glassdex, tmp_path, home):
    source = tmp_path / "empty.jsonl"
    source.write_text("\n")
    ran = glassdex("index", source)
    assert ran.code == 1
    assert "no document in" in one_line(ran.err)
    assert not (home / "indexes").exists()


def test_standard_input_is_read(glassdex, monkeypatch, sae_folder):
    lines = io.BytesIO(b'{"text": "from a pipe"}\n')
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(lines))
    assert glassdex("index", "-", "--sae", sae_folder, "--json").json["indexed"] == 1


# Asking.


def test_search_in_json_keeps_the_contract(glassdex, filled_home):
    ran = glassdex("search", "saying sorry", "-k", "5", "--json", home=filled_home)
    assert ran.code == 0
    assert ran.err == ""
    answer = ran.json
    assert answer.keys() == {"query", "mode", "bank", "latents", "hits", "usage"}
    assert (answer["query"], answer["mode"], len(answer["hits"])) == ("saying sorry", "hybrid", 5)
    assert answer["latents"][0].keys() == {"id", "label", "weight", "similarity"}
    for hit in answer["hits"]:
        parts = [source["contribution"] for source in hit["sources"].values()]
        assert hit["score"] == pytest.approx(sum(parts), abs=1e-5)
        for span in hit["spans"]:
            assert 0 <= span["start"] < span["end"] <= len(hit["text"])


def test_conditions_and_modes_reach_the_search(glassdex, filled_home):
    arguments = ("search", "the week", "--mode", "bm25", "-w", "kind=support_mail|note", "--json")
    hits = glassdex(*arguments, home=filled_home).json["hits"]
    assert hits
    assert {hit["metadata"]["kind"] for hit in hits} <= {"support_mail", "note"}
    assert all(hit["sources"].keys() == {"bm25"} for hit in hits)


def test_a_latent_can_be_taken_out_and_put_in(glassdex, filled_home):
    search = ("search", "saying sorry", "--mode", "property", "--json")
    strongest = glassdex(*search, home=filled_home).json["latents"][0]["id"]
    without = glassdex(*search, "--latent", f"{strongest}:0").json["latents"]
    assert strongest not in {latent["id"] for latent in without}
    alone = glassdex("search", "--latent", f"{strongest}:1", "--mode", "property", "--json").json
    assert [(w["id"], w["weight"]) for w in alone["latents"]] == [(strongest, 1.0)]


def test_what_is_not_wanted_changes_the_answer(glassdex, filled_home):
    search = ("search", "thanking someone", "--json")
    plain = glassdex(*search, home=filled_home).json
    without = glassdex(*search, "--not", "saying sorry").json
    assert [h["id"] for h in plain["hits"]] != [h["id"] for h in without["hits"]]
    assert any(latent["weight"] < 0 for latent in without["latents"])


def test_people_see_the_evidence_even_without_colours(glassdex, filled_home):
    ran = glassdex("search", "saying sorry", "--mode", "property", "-k", "2", home=filled_home)
    assert "latents asked for" in ran.out
    assert "1. " in ran.out
    assert "]¹" in ran.out
    assert "kind=" in ran.out
    assert "\x1b" not in ran.out


def test_lines_sent_to_a_file_are_not_folded(glassdex, filled_home):
    ran = glassdex("search", "saying sorry", "-k", "3", home=filled_home)
    assert max(map(len, ran.out.splitlines())) > 120


def test_no_hit_is_an_answer(glassdex, filled_home):
    ran = glassdex("search", "x", "-w", "kind=nothing", home=filled_home)
    assert ran.code == 0
    assert "no document matches" in ran.out


@pytest.mark.parametrize(("variable", "coloured"), [("FORCE_COLOR", True), ("NO_COLOR", False)])
def test_colours_are_as_the_environment_wants(home, filled_home, variable, coloured):
    command = [sys.executable, "-m", "glassdex", "search", "saying sorry", "-k", "1"]
    environment = {**os.environ, "GLASSDEX_HOME": str(filled_home), variable: "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ("\x1b[" in done.stdout) is coloured


def test_texts_cannot_write_to_the_terminal(glassdex, tmp_path, sae_folder):
    source = tmp_path / "evil.jsonl"
    source.write_text(json.dumps({"id": "[bold]", "text": "[red]apples[/red] \x1b[2J\x07 pears"}))
    glassdex("index", source, "--sae", sae_folder)
    shown = glassdex("search", "apples", "--mode", "bm25").out
    assert "[red]apples[/red]" in shown
    assert "[bold]" in shown
    assert not {"\x1b", "\x07"} & set(shown)


def test_latents_by_meaning_and_by_frequency(glassdex, filled_home):
    found = glassdex("latents", "saying sorry", "-k", "3", "--json", home=filled_home)
    similarities = [latent["similarity"] for latent in found.json["latents"]]
    assert len(similarities) == 3
    assert similarities == sorted(similarities, reverse=True)
    frequent = glassdex("latents", "-k", "2", "--json").json["latents"]
    assert frequent[0]["density"] >= frequent[1]["density"]
    assert "label" in glassdex("latents", "-k", "2").out.splitlines()[0]


def test_one_latent(glassdex, filled_home):
    answer = glassdex("latents", "saying sorry", "-k", "1", "--json", home=filled_home).json
    number = answer["latents"][0]["id"]
    page = glassdex("latent", number, "-k", "2", "--json").json
    assert page["id"] == number
    assert len(page["passages"]) <= 2
    shown = glassdex("latent", number).out
    assert shown.startswith(f"#{number}")
    assert "near in meaning" in shown


def test_a_latent_that_is_not_there(glassdex, filled_home):
    ran = glassdex("latent", "999999", home=filled_home)
    assert ran.code == 2
    assert "there is no latent 999999" in one_line(ran.err)


# The longer commands.


def test_the_demo_runs_what_it_prints_and_can_be_run_again(glassdex):
    for _ in range(2):
        ran = glassdex("demo")
        assert ran.code == 0
        assert ran.out.count("$ glassdex search") == 3
        assert ran.out.count("\n1. ") == 3
    assert "0 documents indexed into demo, 400 already there" in ran.out


def test_evaluation_measures_what_was_written(glassdex, tmp_path, sae_folder):
    beir = tmp_path / "tiny"
    (beir / "qrels").mkdir(parents=True)
    documents = {"a": "a red apple", "b": "a green pear", "c": "an old red car"}
    lines = [json.dumps({"_id": i, "title": "", "text": t}) for i, t in documents.items()]
    (beir / "corpus.jsonl").write_text("\n".join(lines))
    (beir / "queries.jsonl").write_text('{"_id": "q", "text": "pear"}\n')
    (beir / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\tb\t1\n")
    out = tmp_path / "out"
    where = ("--sae", sae_folder, "--out", out)
    ran = glassdex("eval", beir, "--systems", "bm25,dense", *where, "--json")
    assert ran.code == 0
    assert ran.json["systems"]["bm25"]["datasets"]["tiny"]["AP"] == 1
    assert {p.name for p in (out / "runs" / "tiny").iterdir()} == {
        "bm25.run",
        "dense.run",
        "qrels.txt",
    }
    assert "nDCG@10" in glassdex("eval", beir, "--systems", "bm25", *where).out


def test_too_little_text_to_train_on_is_said(glassdex, texts, tmp_path):
    ran = glassdex("train", texts, "--out", tmp_path / "my-sae", "--d-sae", "48", "-k", "4")
    assert ran.code == 1
    assert "too few to train on" in one_line(ran.err)


def test_an_sae_can_be_trained_labelled_and_used(glassdex, texts, tmp_path):
    sae = tmp_path / "my-sae"
    sizes = ("--d-sae", "48", "-k", "4", "--described", "20")
    trained = glassdex("train", CORPUS, "--out", sae, *sizes, "--no-bank", "--json")
    assert trained.code == 0, trained.err
    assert {"folder", "nmse", "explained_variance", "l0", "dead_share"} <= trained.json.keys()
    bank = tmp_path / "bank.jsonl"
    bank.write_text(json.dumps(SORRY) + "\n")
    labelled = glassdex("label", sae, texts, "--texts", "10", "--bank", bank, "--json")
    assert labelled.json["latents"] == 48
    indexed = glassdex("index", texts, "--sae", sae, "--json")
    assert indexed.code == 0
    answer = glassdex("search", "sorry", "--json").json
    assert answer["hits"]
    assert answer["bank"]["nearest"][0]["property"] == "apologies"
