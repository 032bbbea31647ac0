"""loadline demo --close-wait: it finds the leak that it has built into its own missiond. Half a minute: 20 s of load,
and then it waits whether the sockets go."""
import visible_skip
from cli_case import CliCase


class DemoOfALeak(CliCase):
    def test_it_confirms_the_leak_and_tells_how_large_it_is(self):
        done = self.run_into_folder("demo", "--close-wait", "--quiet", timeout=120)
        self.ended(done, 1)
        self.assertRegex(done.first_line, r"^FAIL  ")
        self.assertIn("missiond was started with --fault leak-close-wait=2%", done.out)
        self.assertIn(f"Open {self.out}/report.html in a browser", done.out)
        sockets = self.summary()["results"]["sockets"]
        self.assertEqual(sockets["word"], "LEAK_CONFIRMED", done)
        low, high = sockets["leak_fraction_interval"]
        self.assertTrue(low <= 0.02 <= high, sockets)
        self.assertTrue(0 < low and high < 0.1, sockets)
        self.assertIn("missiond", sockets["command"])


if __name__ == "__main__":
    visible_skip.main()
