import threading

from brainviewer.gui.background import Background
from brainviewer.gui.bridge import Bridge


def test_functions_from_a_thread_run_on_the_main_thread_in_order(qtbot) -> None:
    bridge, seen = Bridge(), []

    def post_three() -> None:
        for number in range(3):
            bridge.post(lambda number=number: seen.append((number, threading.current_thread())))

    thread = threading.Thread(target=post_three)
    thread.start()
    thread.join()
    assert not seen
    qtbot.waitUntil(lambda: len(seen) == 3)
    assert seen == [(number, threading.main_thread()) for number in range(3)]


def test_a_closed_bridge_drops_what_waits(qtbot) -> None:
    bridge, seen = Bridge(), []
    bridge.post(lambda: seen.append("early"))
    bridge.close()
    bridge.post(lambda: seen.append("late"))
    qtbot.wait(20)
    assert not seen


def test_work_answers_on_the_main_thread(qtbot) -> None:
    answers, bridge = [], Bridge()
    Background(bridge).run(
        threading.current_thread,
        done=lambda thread: answers.append((thread.name, threading.current_thread())),
        failed=answers.append,
    )
    qtbot.waitUntil(lambda: bool(answers))
    assert answers == [("brainviewer-reader", threading.main_thread())]


def test_work_that_fails_hands_over_its_exception(qtbot) -> None:
    failures, bridge = [], Bridge()

    def fail() -> None:
        raise ValueError("no")

    Background(bridge).run(fail, done=failures.append, failed=lambda e: failures.append(str(e)))
    qtbot.waitUntil(lambda: bool(failures))
    assert failures == ["no"]
