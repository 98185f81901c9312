"""All benches by name."""

from glassdex.evals.bench_suite import BENCHES, PEERS, absent_peers, machine, run_benches


def test_every_bench_says_whom_it_compares_with():
    assert BENCHES.keys() == PEERS.keys()


def test_rows_come_in_the_order_asked_for(bench_setup):
    rows = run_benches(["train", "query"], bench_setup)
    assert list(dict.fromkeys(row.bench for row in rows)) == ["train", "query"]


def test_absent_peers_are_those_of_the_benches_asked_for():
    assert absent_peers(["query"]) == {}
    assert set(absent_peers(BENCHES)) == {
        peer for peers in PEERS.values() for peer in peers if not peer.usable
    }


def test_the_machine_is_described_in_one_line():
    line = machine()
    assert "\n" not in line
    assert "thread" in line
    assert "torch" in line
