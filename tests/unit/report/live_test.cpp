#include "report/live.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "report/text.hpp"

namespace loadline {
namespace {

using namespace std::chrono_literals;

TimelinePoint second_at(Duration since_start) {
    TimelinePoint p;
    p.since_start = since_start;
    p.length = 1s;
    p.intended_rate = 500;
    p.started = 498;
    p.transactions = 800;
    p.p99 = 41200us;
    p.errors = 3;
    p.in_flight = 17;
    p.sockets.emplace().close_wait = 2;
    return p;
}

TEST(Live, RewritesOneLineOnATerminal) {
    std::ostringstream out;
    {
        LiveDisplay live{out, LiveOptions{.rewrite = true, .columns = 100}};
        live.trial_started("", 60s);
        live.second(second_at(1s));
        live.second(second_at(15s));
    }
    EXPECT_EQ(out.str(),
              "\r[................] 1s/60s  498 of 500/s  p99 41.2 ms  errors 3  in flight 17  "
              "close-wait 2\x1b[K"
              "\r[####............] 15s/60s  498 of 500/s  p99 41.2 ms  errors 3  in flight 17  "
              "close-wait 2\x1b[K"
              "\r\x1b[K");
}

TEST(Live, NeverWraps) {
    for (const int columns : {1, 2, 10, 40, 69, 80}) {
        std::ostringstream out;
        LiveDisplay live{out, LiveOptions{.rewrite = true, .columns = columns}};
        live.trial_started("refine 374/s", 60s);
        live.second(second_at(12s));
        auto line = out.str();
        line = line.substr(1, line.find("\x1b[K") - 1);
        EXPECT_LE(display_width(line), static_cast<std::size_t>(std::max(columns - 1, 1))) << line;
    }
}

TEST(Live, WritesAPlainLineNowAndThenElsewhere) {
    std::ostringstream out;
    LiveDisplay live{out, LiveOptions{.every = 5s}};
    live.trial_started("hold 374/s", 12s);
    for (int t = 1; t <= 12; ++t) live.second(second_at(std::chrono::seconds{100 + t}));
    live.finish();
    EXPECT_EQ(
        out.str(),
        "5s/12s  hold 374/s  498 of 500/s  p99 41.2 ms  errors 3  in flight 17  close-wait 2\n"
        "10s/12s  hold 374/s  498 of 500/s  p99 41.2 ms  errors 3  in flight 17  close-wait 2\n");
}

TEST(Live, SaysWhatIsNotThere) {
    std::ostringstream out;
    LiveDisplay live{out, LiveOptions{.every = 1s}};
    auto closed = second_at(1s);
    closed.intended_rate = 0;
    closed.sockets.reset();
    auto frozen = second_at(2s);
    frozen.p99 = Histogram::unanswered;
    frozen.dropped = 4;
    TimelinePoint silent;
    silent.since_start = 3s;
    silent.length = 1s;
    silent.phase = Phase::drain;
    for (const auto& point : {closed, frozen, silent}) live.second(point);
    EXPECT_EQ(out.str(),
              "1s  498/s  p99 41.2 ms  errors 3  in flight 17\n"
              "2s  498 of 500/s  p99 unanswered  errors 3  in flight 17  close-wait 2  dropped 4\n"
              "3s  drain  0/s  errors 0  in flight 0\n");
}

TEST(Live, FinishedProbesAndNotesStay) {
    std::ostringstream out;
    LiveDisplay live{out, LiveOptions{.rewrite = true, .columns = 80}};
    ProbeResult probe;
    probe.kind = ProbeResult::Kind::refine;
    probe.rate = Rate::per_second(385);
    probe.length = 6s;
    probe.p99 = 212ms;
    probe.word = VerdictWord::fail;
    probe.why = "p99 < 100ms: 212 ms";
    live.note("logging 1000 sessions in");
    live.second(second_at(1s));
    out.str("");
    live.probe_finished(probe);
    EXPECT_EQ(out.str(),
              "\r\x1b[Kprobe 1  refine     385/s     6s  p99   212 ms  errors    0 %  FAIL  p99 < "
              "100…\n");
    out.str("");
    live.note("draining");
    EXPECT_EQ(out.str(), "draining\n");
}

}  // namespace
}  // namespace loadline
