import threading

from glassdex.store.locks import SharedLock


def test_sharers_run_together_and_the_exclusive_one_alone():
    lock, inside, seen = SharedLock(), threading.Barrier(2, timeout=5), []

    def share() -> None:
        with lock.shared():
            inside.wait()  # passes only if both sharers are in at once
            seen.append("shared")

    threads = [threading.Thread(target=share) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entered = threading.Event()

    def alone() -> None:
        with lock.exclusive():
            entered.set()
            seen.append("exclusive")

    with lock.shared():
        waiting = threading.Thread(target=alone)
        waiting.start()
        assert not entered.wait(0.05)
    waiting.join()
    assert seen == ["shared", "shared", "exclusive"]
    with lock.shared():
        seen.append("shared again")
