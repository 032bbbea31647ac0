"""scripts/bench-peers without its peers: what they printed once is read, turns are taken, bars judged."""
import contextlib
import io
import json
import pathlib
import sys
import unittest

import visible_skip

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from bench_peers import bars, main, outputs, tables  # noqa: E402
from bench_peers.outputs import NoFigure  # noqa: E402
from bench_peers.rounds import Measurement, Turn, measure  # noqa: E402

WRK = """Running 2s test @ http://127.0.0.1:55663
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     7.80ms    7.20ms  32.61ms   56.69%
    Req/Sec     7.96k     2.80k   15.31k    75.00%
  16585 requests in 2.10s, 3.54MB read
{more}Requests/sec:   7898.66
Transfer/sec:      1.69MB
"""
AB = """Concurrency Level:      64
Time taken for tests:   2.000 seconds
Complete requests:      25850
Failed requests:        {failed}
{more}Keep-Alive requests:    25850
Requests per second:    12922.51 [#/sec] (mean)
Time per request:       4.953 [ms] (mean)
"""
H2LOAD = """Application protocol: http/1.1
finished in 2.01s, 11878.50 req/s, 1.61MB/s
requests: 23757 total, 23821 started, 23757 done, {ok} succeeded, {failed} failed, 0 errored, 0 timeout
status codes: {ok} 2xx, 0 3xx, {failed} 4xx, 0 5xx
traffic: 3.22MB (3373494) total, 2.29MB (2405921) headers (space savings 0.00%), 46.53KB (47642) data
"""
HEY = """
Summary:
  Total:\t2.0048 secs
  Requests/sec:\t10305.2647

Response time histogram:
  0.000 [1]\t|
  0.005 [13194]\t|■■■■■

Status code distribution:
  [200]\t20660 responses
{more}"""
REDIS = """"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms"
"GET key:1","684931.50","0.798","0.328","0.791","1.127"
"""
STRACE = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ------------------
 74.47    1.163276        4230       275       125 futex
 15.18    0.237152          10     23618           sendto
  7.84    0.122528           3     37960     14323 recvfrom
------ ----------- ----------- --------- --------- ------------------
100.00    1.562045          23     61853     14448 total
"""
PERF = "# started on Sat Nov 21 11:52:30 2026\n\n{value},,raw_syscalls:sys_enter,395169918,100.00,,\n"


def loadline_summary(outcomes):
    bad = sum(count for name, count in outcomes.items() if name != "ok")
    total = {"requests": sum(outcomes.values()), "rate_per_s": 20_000.0, "errors": bad, "outcomes": outcomes}
    return json.dumps({"results": {"measured_s": 2.0, "total": total}})


def timeline(*points):
    keys = ("phase", "length_s", "completed", "send_lag_p99_ms")
    return "\n".join(json.dumps(dict(zip(keys, point))) for point in points) + "\n"


class Outputs(unittest.TestCase):
    def assert_reason(self, text, parse, *arguments):
        with self.assertRaises(NoFigure) as raised:
            parse(*arguments)
        self.assertEqual(str(raised.exception), text)

    def test_every_client_s_clean_figures_are_read(self):
        rows = (
            (outputs.wrk, WRK.format(more=""), 16585, 7898.66),
            (outputs.wrk, WRK.format(more="") + "Wrong answers: 0\n", 16585, 7898.66),
            (outputs.ab, AB.format(failed=0, more=""), 25850, 12922.51),
            (outputs.h2load, H2LOAD.format(ok=23757, failed=0), 23757, 11878.50),
            (outputs.hey, HEY.format(more=""), 20660, 10305.2647),
            (outputs.k6, '{"requests":5346,"rate_per_s":1731.56,"failed_checks":0}\n', 5346, 1731.56),
            (outputs.floor_client, '{"requests": 23361, "errors": 0, "seconds": 2.0, "rate_per_s": 11679.5, '
                                   '"mean_us": 5479.1}\n', 23361, 11679.5),
            (lambda text: outputs.redis_benchmark(text, 100_000), REDIS, 100_000, 684931.5),
        )
        for parse, text, requests, rate in rows:
            with self.subTest(parse, text=text[:40]):
                self.assertEqual(parse(text), {"requests": requests, "rate_per_s": rate})

    def test_the_deferral_client_gives_both_kinds_of_reading(self):
        figures = {"requests": 20, "rate_per_s": 10.0, "deferred_p50_us": 31.5, "immediate_p50_us": 30.0,
                   "added_us": 1.5}
        self.assertEqual(outputs.deferral_client(json.dumps(figures)), figures)

    def test_errors_and_other_statuses_are_no_figure(self):
        rows = (
            (outputs.wrk, WRK.format(more="  Socket errors: connect 0, read 3, write 0, timeout 12\n"),
             "wrk: Socket errors: connect 0, read 3, write 0, timeout 12"),
            (outputs.wrk, WRK.format(more="  Non-2xx or 3xx responses: 1656\n"),
             "wrk: Non-2xx or 3xx responses: 1656"),
            (outputs.wrk, WRK.format(more="") + "Wrong answers: 7\n", "wrk: Wrong answers: 7"),
            (outputs.ab, AB.format(failed=3, more=""), "ab had 3 errors in 25850 requests"),
            (outputs.ab, AB.format(failed=0, more="Non-2xx responses:      20\n"),
             "ab had 20 errors in 25850 requests"),
            (outputs.h2load, H2LOAD.format(ok=23737, failed=20), "h2load had 20 errors in 23757 requests"),
            (outputs.hey, HEY.format(more="  [404]\t20 responses\n"), "hey had 20 errors in 20680 requests"),
            (outputs.hey, HEY.format(more='\nError distribution:\n  [4]\tGet "http://127.0.0.1:1/": refused\n'),
             "hey had 4 errors in 20664 requests"),
            (outputs.k6, '{"requests":10,"rate_per_s":5,"failed_checks":2}', "k6 had 2 failed checks in 10 requests"),
            (outputs.floor_client, '{"requests": 9, "errors": 1, "rate_per_s": 9}',
             "floor_client had 1 errors in 9 requests"),
        )
        for parse, text, reason in rows:
            with self.subTest(reason):
                self.assert_reason(reason, parse, text)

    def test_text_without_figures_says_whose_and_what(self):
        refused = " unable to connect to 127.0.0.1:18996 Connection refused\n"
        for parse, name in ((outputs.wrk, "wrk"), (outputs.ab, "ab"), (outputs.h2load, "h2load"), (outputs.hey, "hey"),
                            (outputs.k6, "k6"), (lambda text: outputs.redis_benchmark(text, 1), "redis-benchmark")):
            with self.subTest(name):
                self.assert_reason(f"{name} printed no figures: 'unable to connect to 127.0.0.1:18996 Connection "
                                   "refused'", parse, refused)

    def test_no_request_is_no_figure_rather_than_zero(self):
        self.assert_reason("k6 completed no request", outputs.k6, '{"requests":0,"rate_per_s":0,"failed_checks":0}')

    def test_loadline_s_rate_is_what_was_answered_while_it_measured(self):
        points = timeline(("measure", 1.0, 12_000, 0.02), ("measure", 1.0, 18_000, 0.03), ("drain", 0.5, 10_000, 0.9))
        got = outputs.loadline(loadline_summary({"ok": 40_000}), points)
        self.assertEqual(got, {"requests": 40_000, "rate_per_s": 15_000.0, "seconds": 2.0})

    def test_loadline_s_errors_are_named(self):
        self.assert_reason("loadline had 3 errors (dropped 2, reset 1) in 13 requests", outputs.loadline,
                           loadline_summary({"ok": 10, "dropped": 2, "reset": 1}), timeline(("measure", 1.0, 10, 0.1)))

    def test_lag_is_taken_from_full_measured_seconds_that_sent_something(self):
        points = timeline(("measure", 1.0, 9, 0.02), ("measure", 1.0, 0, None), ("measure", 0.3, 9, 7.0),
                          ("drain", 1.0, 9, 8.0))
        self.assertEqual(outputs.loadline_seconds(points, "send_lag_p99_ms"), [0.02])
        self.assert_reason("loadline's timeline has no connections for any full second", outputs.loadline_seconds,
                           points, "connections")

    def test_counts_of_perf_strace_and_callgrind_are_read(self):
        self.assertEqual(outputs.perf_stat(PERF.format(value=94709), "raw_syscalls:sys_enter"), 94709)
        self.assertEqual(outputs.strace_calls(STRACE), 275 + 23618 + 37960)
        self.assertEqual(outputs.callgrind_instructions("events: Ir\nsummary: 96897136\n\ntotals: 96897136\n"),
                         96897136)

    def test_a_count_that_perf_could_not_take_is_no_figure(self):
        self.assert_reason("perf says <not supported> for raw_syscalls:sys_enter", outputs.perf_stat,
                           PERF.format(value="<not supported>"), "raw_syscalls:sys_enter")


class Scripted:
    """A client that gives the next of its rates, or raises; `log` sees every run."""

    def __init__(self, name, log, *rates):
        self.name, self.log, self.rates = name, log, list(rates)

    def run(self, _job):
        self.log.append(self.name)
        rate = self.rates.pop(0)
        if isinstance(rate, NoFigure):
            raise rate
        return {"requests": 1, "rate_per_s": rate}


def measured(*clients, rounds):
    turns = [Turn(client, None) for client in clients]
    return measure("a title", turns, [tables.RATE, tables.ratio(tables.RATE, "× b")], rounds,
                   {client.name: "b" for client in clients})


class Rounds(unittest.TestCase):
    def setUp(self):
        self.log = []

    def test_every_round_starts_with_another_client(self):
        measured(Scripted("a", self.log, 1, 1, 1), Scripted("b", self.log, 1, 1, 1), Scripted("c", self.log, 1, 1, 1),
                 rounds=3)
        self.assertEqual("".join(self.log), "abc" "bca" "cab")

    def test_a_ratio_is_the_median_of_the_rounds_own_ratios(self):
        got = measured(Scripted("a", self.log, 10, 100, 60), Scripted("b", self.log, 10, 50, 20), rounds=3)
        self.assertEqual(got.ratio("a", "b", "rate_per_s"), 2)  # of 1, 2, 3; the medians' ratio is 60/20

    def test_a_client_that_fails_at_first_is_not_tried_again(self):
        got = measured(Scripted("a", self.log, NoFigure("not installed")), Scripted("b", self.log, 1, 1, 1), rounds=3)
        self.assertEqual(self.log.count("a"), 1)
        self.assertEqual(str(got.median("a", "rate_per_s")), "not installed")
        self.assertEqual(str(got.ratio("b", "a", "rate_per_s")), "not installed")

    def test_a_round_that_failed_is_left_out_and_told(self):
        got = measured(Scripted("a", self.log, 2, NoFigure("stalled"), 4), Scripted("b", self.log, 1, 1, 1), rounds=3)
        self.assertEqual(got.median("a", "rate_per_s"), 3)
        self.assertEqual(list(got.failures()), [("a", 1, "stalled")])
        self.assertIn("a gave no figures in 1 of 3 rounds: stalled", tables.text({"x": got}, []))


def measurement(**figures_of_rows):
    return Measurement("a title", [tables.RATE, tables.SYSCALLS], list(figures_of_rows), [figures_of_rows], {})


class Reports(unittest.TestCase):
    def test_a_figure_that_could_not_be_had_is_na_with_its_reason(self):
        parts = {"static-64": measurement(loadline={"rate_per_s": 1234.0}, wrk=NoFigure("wrk is not installed"))}
        judged = bars.judge(parts)
        text = tables.text(parts, judged)
        self.assertRegex(text, r"wrk +n/a \[2\] +n/a \[2\]\n")
        self.assertIn("[2] wrk is not installed\n", text)
        made = tables.as_json({}, parts, judged)
        self.assertEqual(made["measurements"]["static-64"]["rows"]["wrk"]["rate_per_s"],
                         {"value": None, "reason": "wrk is not installed"})
        self.assertEqual(made["bars"][0]["word"], "n/a")
        self.assertEqual(made["bars"][0]["reason"], "wrk is not installed")
        json.dumps(made)
        self.assertIn("| wrk | n/a [2] | n/a [2] |", tables.markdown(
            {"date": "today", "machine": "a machine", "command": "a command", "method": "a method"}, parts, judged))

    def test_a_bar_is_met_missed_or_stretched(self):
        for value, sign, word in ((1.30, "≥", "stretch"), (1.20, "≥", "met"), (1.10, "≥", "missed"),
                                  (1.30, "≤", "missed"), (1.20, "≤", "missed"), (1.10, "≤", "stretch")):
            with self.subTest(f"{value} {sign}"):
                limit, stretch = (1.15, 1.28) if sign == "≥" else (1.15, 1.12)
                self.assertEqual(bars.Bar("work", value, ".2f", sign, limit, stretch).word, word)

    def test_the_lag_bar_takes_the_worst_rate_up_to_half_the_ceiling(self):
        rows = {"closed loop": {"rate_per_s": 100_000.0}}
        rows |= {f"{rate}/s": {"rate_per_s": rate, "lag_p99_us": lag, "cores": 0.1}
                 for rate, lag in ((2_000, 3.0), (50_000, 20.0), (100_000, 900.0))}
        lag = next(bar for bar in bars.judge({"lag": measurement(**rows)}) if "send lag" in bar.work)
        self.assertEqual((lag.value, lag.word), (20.0, "stretch"))

    def test_the_watch_has_a_bar_for_each_number_of_sockets_and_one_beside_ss(self):
        parts = {f"watch-{count}": measurement(**{"loadline watch": {"core_percent": percent, "cpu_ms_per_sample": ms},
                                                  "ss -tanp": {"cpu_ms_per_sample": 40.0}})
                 for count, percent, ms in ((1_000, 0.4, 2.0), (10_000, 2.5, 20.0))}
        judged = [(bar.value, bar.word) for bar in bars.judge(parts) if "sockets" in bar.work]
        self.assertEqual(judged, [(0.4, "stretch"), (2.5, "missed"), (0.05, "stretch"), (0.5, "met")])

    def test_areas_that_were_not_run_leave_their_bars_na(self):
        judged = bars.judge({})
        self.assertEqual({bar.word for bar in judged}, {"n/a"})
        self.assertEqual(str(judged[0].value), "area static was not run")


class Arguments(unittest.TestCase):
    def assert_refused(self, words, reason):
        with contextlib.redirect_stderr(io.StringIO()) as err, self.assertRaises(SystemExit) as ended:
            main.arguments(words)
        self.assertEqual(ended.exception.code, 2)
        self.assertIn(reason, err.getvalue())

    def test_wrong_words_are_refused_with_the_mend(self):
        self.assert_refused(["statics"], "no area 'statics'; there are: static nginx mix lag deferral redis memory scale watch")
        self.assert_refused(["--rounds", "0"], "rounds and seconds must be at least 1")
        self.assert_refused(["lag", "--instructions"], "--instructions belongs to the area static")
        self.assert_refused(["--json", "/nowhere/at/all.json"], "/nowhere/at is not a folder")


if __name__ == "__main__":
    visible_skip.main(buffer=True)
