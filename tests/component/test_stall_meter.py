"""The meter that excuses a test sees a stall, and says how long it was."""
import signal
import time
import unittest

import machine
import visible_skip


class StallMeter(unittest.TestCase):
    def test_a_meter_that_was_stopped_says_for_how_long(self):
        with machine.StallMeter() as meter:
            time.sleep(0.1)
            meter.process.send_signal(signal.SIGSTOP)
            time.sleep(0.3)
            meter.process.send_signal(signal.SIGCONT)
            time.sleep(0.1)
        self.assertGreater(max(meter.late_ms), 250)
        self.assertTrue(meter.explains(machine.Busy("late", late_ms=250, seconds=1)))
        self.assertFalse(meter.explains(machine.Busy("late", late_ms=250, seconds=5)))


if __name__ == "__main__":
    visible_skip.main()
