"""The excuse of the tests that measure: a stall is seen, and nothing else excuses."""
import os
import unittest
import unittest.mock

import machine
import stall_meter
import visible_skip
from machine import Busy
from witness import Use, Witness


class Meter:
    """A meter that has seen this."""

    def __init__(self, *late_ms):
        self.late_ms, self.stolen_ms = list(late_ms), 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    explains = machine.StallMeter.explains
    __str__ = machine.StallMeter.__str__


class Tried(unittest.TestCase):
    def tried(self, *attempts):
        """Each attempt: (what the meter sees, what is raised or given back)."""
        left = list(attempts)

        def work():
            _, outcome = left.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome
        with unittest.mock.patch("machine.StallMeter", lambda: Meter(*left[0][0])), unittest.mock.patch("builtins.print"):
            try:
                return machine.tried(work)
            finally:
                self.left = len(left)

    def test_a_quiet_machine_excuses_nothing(self):
        with self.assertRaisesRegex(AssertionError, "attempt 1: late; .* it would take 5 ms in 2 seconds to explain it"):
            self.tried(([0.3, 80, 4.9], Busy("late")), ([9, 9], "never"))
        self.assertEqual(self.left, 1)

    def test_a_stall_that_explains_it_gives_another_attempt(self):
        self.assertEqual(self.tried(([5, 0, 70], Busy("late")), ([0], "well")), "well")

    def test_three_of_them_are_a_skip_with_both_figures(self):
        with self.assertRaisesRegex(unittest.SkipTest, "attempt 1: first; the machine woke up late by up to 61.0 ms.*attempt 3: last"):
            self.tried(*[([60, 61], Busy(text)) for text in ("first", "second", "last")])

    def test_a_stall_excuses_no_other_failure(self):
        with self.assertRaisesRegex(AssertionError, "^wrong$"):
            self.tried(([900, 900], AssertionError("wrong")), ([0], "well"))

    def test_what_is_late_within_a_block_must_be_explained_by_as_much(self):
        def work():
            with machine.within(late_ms=45):
                self.assertLess(60, 50)
        for late_ms, error in ((44, AssertionError), (45, unittest.SkipTest)):
            with self.subTest(late_ms), unittest.mock.patch("machine.StallMeter", lambda: Meter(late_ms)), \
                    unittest.mock.patch("builtins.print"), self.assertRaises(error):
                machine.tried(work)

    def test_only_a_lag_of_our_own_may_be_excused_and_by_as_many_seconds(self):
        def summary(word, code, over=6, lag=12):
            return {"verdict": {"word": word, "reasons": [{"code": code, "text": code}]},
                    "results": {"generator": {"lag_bound_ms": 7, "lag_windows_over": over, "send_lag_ms": {"p99": lag}}}}
        for word, code in (("PASS", "slo"), ("FAIL", "slo"), ("INVALID", "client_limit"), ("INVALID", "too_few_samples")):
            machine.no_lag_of_our_own(summary(word, code))
        with self.assertRaises(Busy) as raised:
            machine.no_lag_of_our_own(summary("INVALID", "send_lag"))
        self.assertEqual((raised.exception.late_ms, raised.exception.seconds), (7, 3))
        with self.assertRaises(Busy) as raised:
            machine.no_lag_of_our_own(summary("INVALID", "send_lag", lag=60))
        self.assertEqual(raised.exception.late_ms, 30)
        with self.assertRaises(Busy) as raised:
            machine.no_lag_of_our_own(summary("INVALID", "schedule", 0))
        self.assertEqual(raised.exception.seconds, 1)


class Stalls(unittest.TestCase):
    def test_a_stall_is_counted_in_each_second_that_it_reaches(self):
        self.assertEqual(stall_meter.by_second([(10.2, 10.25), (10.4, 10.41), (11.9, 13.1)], 10, 14.5), [50, 1200, 1200, 1200, 0])
        self.assertEqual(stall_meter.by_second([], 10, 10.5), [0])


class Seen(unittest.TestCase):
    def test_the_use_between_two_instants_is_that_of_the_looks_around_them(self):
        witness = Witness(os.getpid())
        witness.looks = [(0, 1, 5, 7, 10, 0), (0.5, 1.5, 5, 7, 15, 0), (2.5, 2.5, 6, 8, 25, 5), (4.5, 2.5, 6, 8, 25, 5)]
        self.assertEqual(witness.between(0.6, 2.4), Use(0.5, 0.5, 0.5, 0.5))
        self.assertEqual(witness.between(3, 4), Use(0, 0, 0, 0), "no period has passed")
        self.assertEqual(witness.between(0, 9), Use(1.5 / 4.5, 1 / 4.5, 5 / 15, 1 / 4.5))
        self.assertEqual([use.throttled for use in witness.seconds()], [5 / 15, 0.5, 0])

    def test_it_sees_the_cpu_of_a_process(self):
        with Witness(os.getpid()) as witness:
            before = os.times()
            while os.times().user - before.user < 0.2:
                pass
        self.assertGreaterEqual(witness.looks[-1][1] - witness.looks[0][1], 0.1)


if __name__ == "__main__":
    visible_skip.main()
