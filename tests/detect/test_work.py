"""Jobs beside the network: no more of them wait than may."""

import threading

from yolov2.detect.work import Work


def test_work_waits_when_too_much_of_it_waits():
    gate, done = threading.Event(), list[int]()

    def job(number: int) -> None:
        gate.wait()
        done.append(number)

    work = Work(1, waiting=2)
    work.submit(job, 0)
    work.submit(job, 1)
    third = threading.Thread(target=work.submit, args=(job, 2))
    third.start()
    third.join(timeout=0.05)
    waits = third.is_alive()
    gate.set()
    third.join()
    work.finish()
    assert waits
    assert done == [0, 1, 2]
