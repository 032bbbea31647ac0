#include "trial/cause.hpp"

#include <gmock/gmock.h>

#include <functional>

namespace loadline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto limit = milliseconds(100);

/// A second of a healthy target under 100 journeys/s; all that is watched is there.
TimelinePoint healthy(int second) {
    TimelinePoint point;
    point.since_start = std::chrono::seconds{second + 1};
    point.length = std::chrono::seconds{1};
    point.intended_rate = 100;
    point.completed = 100;
    point.transactions = 100;
    point.outcomes[0] = 100;
    point.in_flight = 1;
    point.p50 = milliseconds(5);
    point.p90 = milliseconds(10);
    point.p99 = point.p999 = point.max = milliseconds(20);
    point.sockets.emplace().backlog = 128;
    auto& target = point.target.emplace();
    target.length = std::chrono::seconds{1};
    auto& process = target.process.emplace();
    process.pid = 77;
    process.processes = 1;
    process.cores_used = 0.4;
    process.cores = 2;
    process.busiest_thread = 0.3;
    process.run_queue_wait = 0.05;
    process.fds = 40;
    process.fd_limit = 1024;
    target.kernel.emplace().segments = 1000;
    auto& redis = target.redis.emplace();
    redis.ops = 200;
    redis.cores_used = 0.1;
    redis.blocked = 2;
    redis.evicted = 0;
    redis.ping = milliseconds(0.3);
    return point;
}

std::vector<std::string> codes(const std::vector<CauseFinding>& findings) {
    std::vector<std::string> codes;
    for (const auto& finding : findings) codes.push_back(finding.code);
    return codes;
}

using Change = std::function<void(TimelinePoint&)>;

/// Ten healthy seconds against ten that `change` has spoilt.
std::vector<CauseFinding> compare(const Change& change) {
    std::vector<TimelinePoint> good, bad;
    for (int i = 0; i < 10; ++i) {
        good.push_back(healthy(i));
        change(bad.emplace_back(healthy(i + 10)));
    }
    const auto better = side_of(good);
    return compare_sides(&better, side_of(bad), {});
}

TEST(CompareSides, FindsNothingWhereNothingChanged) {
    EXPECT_THAT(compare([](TimelinePoint&) {}), IsEmpty());
}

TEST(CompareSides, NamesWhatChangedAndOnlyThat) {
    const struct {
        const char* code;
        const char* text;
        Change change;
    } rows[] = {
        {"restart", "restarted 10 times", [](auto& p) { p.target->process->restarts = 1; }},
        {"oom", "10 processes of the target's cgroup",
         [](auto& p) { p.target->process->oom_kills = 1; }},
        {"gone", "process 77 has ended", [](auto& p) { p.target->process->gone = true; }},
        {"fd_limit", "1024 of 1024 file descriptors were open (40 in the good seconds)",
         [](auto& p) { p.target->process->fds = 1024; }},
        {"cpu_quota", "held back in 90 % of the quota's periods",
         [](auto& p) {
             p.target->process->quota = true;
             p.target->process->cores = 0.5;
             p.target->process->throttled = 0.9;
         }},
        {"redis_slow", "1 command in its slow log took 500 ms, the longest 500 ms (DEBUG)",
         [](auto& p) {
             p.target->redis->slow = p.since_start == std::chrono::seconds{15};
             if (p.target->redis->slow == 0) return;
             p.target->redis->slowest = p.target->redis->slow_time = milliseconds(500);
             p.target->redis->slowest_command = "DEBUG";
         }},
        {"redis_slow",
         "a PING took up to 800 ms (300 µs in the good seconds); its slow log has "
         "nothing new",
         [](auto& p) { p.target->redis->ping = milliseconds(800); }},
        {"redis_evictions", "evicted 500 keys", [](auto& p) { p.target->redis->evicted = 50; }},
        {"redis_cpu", "Redis used 96 % of its one core (10 % in the good seconds)",
         [](auto& p) { p.target->redis->cores_used = 0.96; }},
        {"redis_blocked", "30 clients waited", [](auto& p) { p.target->redis->blocked = 30; }},
        {"cpu", "the target used 1.9", [](auto& p) { p.target->process->cores_used = 1.9; }},
        {"cpu_thread", "one thread of the target used 98 % of a core",
         [](auto& p) { p.target->process->busiest_thread = 0.98; }},
        {"accept_queue", "turned connections away 70 times, 7/s (0/s in the good seconds)",
         [](auto& p) { p.target->kernel->listen_overflows = 7; }},
        {"run_queue", "had no core for 1.2 s each second",
         [](auto& p) { p.target->process->run_queue_wait = 1.2; }},
        {"retransmits", "5 % of the TCP segments",
         [](auto& p) { p.target->kernel->retransmits = 50; }},
    };
    for (const auto& [code, text, change] : rows) {
        SCOPED_TRACE(code);
        const auto found = compare(change);
        ASSERT_THAT(codes(found), ElementsAre(code));
        EXPECT_THAT(found[0].text, HasSubstr(text));
    }
}

TEST(CompareSides, NamesOutcomesByKindMostFrequentFirstAndBehindEverythingElse) {
    const auto end = [](TimelinePoint& p, Outcome outcome, std::uint64_t n) {
        p.outcomes[0] -= n;
        p.outcomes[static_cast<std::size_t>(outcome)] += n;
        p.errors += n;
    };
    const auto found = compare([&](TimelinePoint& p) {
        end(p, Outcome::connect_refused, 5);
        end(p, Outcome::http_5xx, 30);
        end(p, Outcome::timeout, 20);  // what everybody sees already: no cause
        p.target->process->fds = 1024;
    });
    EXPECT_THAT(codes(found), ElementsAre("fd_limit", "http_5xx", "connect_refused"));
    EXPECT_THAT(found[1].text, HasSubstr("300 of 1000 requests were answered 5xx: 30 % (0 %"));
}

TEST(CompareSides, QuotesWhatTheServiceSaidFirst) {
    auto point = healthy(0);
    point.outcomes[0] -= 50;
    point.outcomes[static_cast<std::size_t>(Outcome::http_5xx)] = 30;
    point.outcomes[static_cast<std::size_t>(Outcome::reset)] = 20;
    const OutcomeExample examples[] = {{Outcome::reset, "bet", "reset"},
                                       {Outcome::http_5xx, "bet", "http_5xx: HTTP 503 overloaded"}};
    const auto found = compare_sides(nullptr, side_of({&point, 1}), {limit, examples});
    ASSERT_THAT(codes(found), ElementsAre("http_5xx", "reset"));
    EXPECT_EQ(found[0].text,
              "30 of 100 requests were answered 5xx: 30 %; the first: HTTP 503 overloaded");
    EXPECT_EQ(found[1].text, "20 of 100 requests were ended by a reset: 20 %");
}

TEST(CompareSides, TakesNoBusyServiceThatWasAsBusyBeforeForTheCause) {
    const auto busy = [](TimelinePoint& p) {
        p.target->process->run_queue_wait = 0.8;
        p.target->redis->ping = milliseconds(150);
        p.target->kernel->listen_overflows = 9;
        p.target->process->cores_used = 1.85;
        p.outcomes[static_cast<std::size_t>(Outcome::http_5xx)] = 5;
    };
    std::vector<TimelinePoint> seconds;
    for (int i = 0; i < 10; ++i) busy(seconds.emplace_back(healthy(i)));
    const auto side = side_of(seconds);
    EXPECT_THAT(compare_sides(&side, side, {}), IsEmpty());
    EXPECT_THAT(codes(compare_sides(nullptr, side, {})),
                ElementsAre("redis_slow", "cpu", "accept_queue", "http_5xx"));
}

TEST(CompareSides, KnowsNothingOfATargetThatIsNotWatched) {
    auto point = healthy(0);
    point.target.reset();
    point.sockets.reset();
    const auto side = side_of({&point, 1});
    EXPECT_THAT(compare_sides(nullptr, side, {}), IsEmpty());
}

TEST(CompareSides, SaysWhetherTheWatchedQueueItselfWasSeenFull) {
    auto point = healthy(0);
    point.target->kernel->listen_overflows = 50;
    point.sockets->accept_queue = 6;
    point.sockets->backlog = 5;
    const auto side = side_of({&point, 1});
    EXPECT_THAT(compare_sides(nullptr, side, {}).front().text, HasSubstr("(seen with 6 of 5)"));
    point.sockets->backlog = 128;
    EXPECT_THAT(compare_sides(nullptr, side_of({&point, 1}), {}).front().text,
                HasSubstr("whole network namespace"));
}

ClauseResult failed_p99() {
    ClauseResult result;
    result.clause.text = "p99 < 100ms";
    result.clause.quantile = 0.99;
    result.clause.limit = milliseconds(100);
    result.word = VerdictWord::fail;
    return result;
}

void slow(TimelinePoint& p) { p.p90 = p.p99 = p.p999 = p.max = milliseconds(400); }

/// Healthy seconds, `n` in all, spoilt from second `from` on.
TrialMeasurement run(int n, int from, const Change& change) {
    TrialMeasurement m;
    for (int i = 0; i < n; ++i) {
        auto& point = m.timeline.emplace_back(healthy(i));
        point.intended_rate = 100 + 10 * i;
        if (i >= from) change(point);
    }
    return m;
}

TEST(ExplainRun, ComparesTheFirstGoodSecondsWithTheFirstBadOnes) {
    const auto m = run(30, 12, [](TimelinePoint& p) {
        slow(p);
        if (p.since_start >= std::chrono::seconds{15}) p.target->process->fds = 1024;
    });
    const ClauseResult clauses[] = {failed_p99()};
    const auto report = explain_run(m, clauses, limit);
    ASSERT_TRUE(report);
    ASSERT_TRUE(report->good && report->bad);
    EXPECT_EQ(report->good->from, seconds(0));
    EXPECT_EQ(report->good->length, seconds(10));
    EXPECT_DOUBLE_EQ(report->good->rate, 145);
    EXPECT_EQ(report->bad->from, seconds(12));
    EXPECT_EQ(report->bad->length, seconds(10));
    ASSERT_THAT(codes(report->findings), ElementsAre("fd_limit"));
    EXPECT_EQ(report->findings[0].since, seconds(15)) << "the second that showed it first";
    EXPECT_DOUBLE_EQ(*report->findings[0].rate, 240);
}

TEST(ExplainRun, SaysThatTheCauseIsUnknownRatherThanGuess) {
    const ClauseResult clauses[] = {failed_p99()};
    const auto report = explain_run(run(20, 8, slow), clauses, limit);
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->good && report->bad);
    EXPECT_THAT(report->findings, IsEmpty());
}

TEST(ExplainRun, SkipsASingleSlowSecondBeforeTheRealOnset) {
    auto m = run(20, 12, [](TimelinePoint& p) {
        slow(p);
        p.target->process->fds = 1024;
    });
    slow(m.timeline[2]);
    const ClauseResult clauses[] = {failed_p99()};
    const auto report = explain_run(m, clauses, limit);
    EXPECT_EQ(report->bad->from, seconds(12));
    EXPECT_EQ(report->good->length, seconds(10)) << "without the slow one and its echo";
}

TEST(ExplainRun, TakesLaterGoodSecondsWhenItBeganBadly) {
    auto m = run(20, 0, [](TimelinePoint& p) {
        if (p.since_start <= std::chrono::seconds{6}) slow(p);
    });
    const ClauseResult clauses[] = {failed_p99()};
    const auto report = explain_run(m, clauses, limit);
    EXPECT_EQ(report->bad->from, seconds(0));
    EXPECT_EQ(report->good->from, seconds(7)) << "the second behind a bad one is its echo";
}

TEST(ExplainRun, WithoutAGoodSecondOnlyLimitsReachedCount) {
    const auto m = run(10, 0, [](TimelinePoint& p) {
        slow(p);
        p.target->process->fds = 1020;
        p.target->redis->blocked = 500;  // nobody knows how many are usual
    });
    const ClauseResult clauses[] = {failed_p99()};
    const auto report = explain_run(m, clauses, limit);
    EXPECT_FALSE(report->good);
    EXPECT_THAT(codes(report->findings), ElementsAre("fd_limit"));
}

TEST(ExplainRun, SeesWhatTheWatchTellsOneSecondLate) {
    auto m = run(12, 99, slow);
    slow(m.timeline[8]);
    m.timeline[9].target->redis->ping = milliseconds(900);
    const ClauseResult clauses[] = {failed_p99()};
    EXPECT_THAT(codes(explain_run(m, clauses, limit)->findings), ElementsAre("redis_slow"));
}

TEST(ExplainRun, AHungServiceIsBadThoughNothingComesBack) {
    const auto m = run(20, 10, [](TimelinePoint& p) {
        p.completed = p.transactions = 0;
        p.outcomes[0] = 0;
        p.p50 = p.p90 = p.p99 = p.p999 = p.max = {};
        p.in_flight = 300;
        p.target->process->gone = true;
    });
    const ClauseResult clauses[] = {failed_p99()};
    const auto report = explain_run(m, clauses, limit);
    EXPECT_EQ(report->bad->from, seconds(10));
    EXPECT_THAT(codes(report->findings), ElementsAre("gone"));
}

TEST(ExplainRun, AHealthyRunHasNoneAndARestartIsAlwaysTold) {
    ClauseResult kept = failed_p99();
    kept.word = VerdictWord::pass;
    const ClauseResult clauses[] = {kept};
    auto m = run(20, 99, slow);
    EXPECT_FALSE(explain_run(m, clauses, limit));
    m.timeline[11].target->process->restarts = 1;
    const auto report = explain_run(m, clauses, limit);
    ASSERT_TRUE(report);
    EXPECT_THAT(codes(report->findings), ElementsAre("restart"));
    EXPECT_EQ(report->findings[0].since, seconds(12));
    EXPECT_FALSE(report->bad);
}

}  // namespace
}  // namespace loadline
