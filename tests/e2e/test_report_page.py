"""report.html in a real browser: the charts are drawn, nothing is asked of the network, and
hostile names stay text. Needs chromium: skipped without it, unless CI=true."""
import functools
import html
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import visible_skip

BIN = pathlib.Path(os.environ.get("LOADLINE_BIN", "build/release/bin"))
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@functools.cache
def page_of(name):
    """The report of a made-up result, as text."""
    run = subprocess.run([BIN / "sample_report", name, "html"], check=True, capture_output=True, timeout=60)
    return run.stdout.decode()


class Browser:
    """Loads a page with every host name unresolvable, and answers what became of it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def load(self, text, *flags):
        page = self.folder / "report.html"
        page.write_text(text)
        net_log = self.folder / "net.json"
        command = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                   "--disable-background-networking", "--disable-component-update", "--no-first-run",
                   "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--v=0",
                   f"--user-data-dir={self.folder / 'profile'}", f"--log-net-log={net_log}",
                   "--virtual-time-budget=10000", *flags, "--dump-dom", page.as_uri()]
        run = subprocess.run(command, capture_output=True, timeout=120)
        self.log = run.stderr.decode(errors="replace")
        self.net = net_log.read_text(errors="replace") if net_log.exists() else ""
        return run.stdout.decode(errors="replace")

    def console(self):
        return [line for line in self.log.splitlines() if ":CONSOLE" in line]

    def requests(self):
        """Every URL that the page asked for; the browser's own errands have no origin."""
        asked = r'"initiator":"(?!not an origin)[^"]*".*?"url":"(https?://[^"]*)"'
        return {match.group(1) for match in map(re.compile(asked).search, self.net.splitlines()) if match}


def body_tag(dom):
    """The attributes of the real <body>: the first one after the head."""
    return re.search(r"</head>\s*<body([^>]*)>", dom).group(1)


def charts_with_canvas(dom):
    """Ids of the figures in which dygraphs put a canvas."""
    figures = re.findall(r'<figure id="([\w-]+)">(.*?)</figure>', dom, re.S)
    return {name for name, inner in figures if "<canvas" in inner}


class ReportPage(unittest.TestCase):
    def setUp(self):
        if not BROWSER:
            message = "chromium is not installed: report.html was not looked at"
            self.fail(message) if os.environ.get("CI") == "true" else self.skipTest(message)
        folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.addCleanup(folder.cleanup)
        self.browser = Browser(folder.name)

    def load(self, name, *flags):
        dom = self.browser.load(page_of(name), *flags)
        self.assertIn("<body", dom, self.browser.log)
        return dom

    def assert_healthy(self, dom):
        self.assertIn('data-ready="true"', body_tag(dom))
        self.assertNotIn("data-error", body_tag(dom))
        self.assertEqual(self.browser.console(), [])
        self.assertEqual(self.browser.requests(), set())

    def test_every_chart_is_drawn(self):
        both = {"latency", "throughput", "spectrum"}
        watched = {"sockets", "descriptors", "accept-queue"}
        rows = {"passing": both, "failing": both, "search": both | {"curve"} | watched,
                "limited": both | {"curve"}, "estimate": both | {"curve"},
                "leaking": both | watched, "long": both, "unreachable": set()}
        for name, charts in rows.items():
            with self.subTest(name):
                dom = self.load(name)
                self.assert_healthy(dom)
                self.assertEqual(charts_with_canvas(dom), charts)

    def test_the_certificate_is_a_section_of_the_page(self):
        """Its lines stand in the page without scripts; the curve's legend has what the marks mean."""
        rows = {
            "search": (["confirmed", "598.4 TPS", "estimate", "safe", "headroom", "per pod", "binding", "hold", "knee",
                        "topology", "generator and target shared the cores of one machine"],
                       ["passed", "failed", "invalid", "estimate 606.4 (593.6 to 620.8)", "confirmed 598.4", "knee 452.8"]),
            "limited": (["at least", "5120 TPS", "no upper bound was found", "not reached"], ["passed", "invalid"]),
            "estimate": (["estimate", "606.4 TPS", "none", "12 % more than the estimate"],
                         ["passed", "failed", "estimate 606.4 (568 to 648)"])}
        for name, (lines, legend) in rows.items():
            with self.subTest(name):
                dom = self.load(name)
                self.assert_healthy(dom)
                section = re.search(r"<h2>Certificate</h2>(.*?)<h2>", dom, re.S).group(1)
                facts = html.unescape(re.search(r'<table class="facts">(.*?)</table>', section, re.S).group(1))
                for text in lines:
                    self.assertIn(text, facts)
                shown = re.search(r'<div class="legend"[^>]*>(.*?)</div>', section, re.S).group(1)
                marks = re.findall(r'<span><i[^>]*>[^<]*</i>([^<]*)</span>', shown)
                self.assertEqual(marks, ["p99", "p50"] + legend)

    def test_dark_and_narrow(self):
        for flags in (["--blink-settings=preferredColorScheme=0"], ["--window-size=400,900"]):
            with self.subTest(flags):
                self.assert_healthy(self.load("search", *flags))

    def test_hostile_names_stay_text(self):
        dom = self.load("hostile")
        self.assert_healthy(dom)
        self.assertNotIn("data-owned", body_tag(dom))
        self.assertEqual(re.findall(r"<img", dom), [])
        self.assertIn("</script><img src=x onerror=", html.unescape(dom))

    def test_the_page_itself_refuses_foreign_scripts_and_requests(self):
        """Were the escaping to fail, the page's policy would still hold: a control."""
        attack = ("<img src=\"http://127.0.0.1:9/x.png\" onerror=\"document.body.dataset.owned='yes'\">"
                  "<script>document.body.dataset.owned='yes'</script>")
        dom = self.browser.load(page_of("passing").replace("<main>", "<main>" + attack))
        self.assertNotIn("data-owned", body_tag(dom))
        self.assertTrue(any("Content Security Policy" in line for line in self.browser.console()), self.browser.log)

    def test_an_error_of_a_script_is_seen(self):
        """The check can fail: a chart that throws is told by data-error and no data-ready."""
        dom = self.browser.load(page_of("passing").replace("drawTimelines();", "noSuchFunction();"))
        self.assertNotIn("data-ready", body_tag(dom))
        self.assertIn("noSuchFunction", body_tag(dom))


    def test_a_request_would_be_seen(self):
        """The check can fail: without the policy, a foreign image is asked for and noticed."""
        page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page_of("passing"))
        self.browser.load(page.replace("<main>", '<main><img src="http://127.0.0.1:9/x.png">'))
        self.assertIn("http://127.0.0.1:9/x.png", self.browser.requests())


if __name__ == "__main__":
    visible_skip.main()
