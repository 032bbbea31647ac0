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
    point.clauses.resize(1);
    point.clauses[0].requests = 100;
    point.p50 = milliseconds(5);
    point.p90 = milliseconds(10);
    point.p99 = point.p999 = point.max = milliseconds(20);
    point.sockets.emplace().backlog = 128;
    point.fullest_queue.emplace().backlog = 128;
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
        {"redis_restart", "Redis was restarted 10 times",
         [](auto& p) { p.target->redis->restarts = 1; }},
        {"redis_silent", "Redis did not answer: 10 PINGs got none (0/s in the good seconds)",
         [](auto& p) { p.target->redis->unanswered = 1; }},
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
         [](auto& p) {
             p.target->kernel->listen_overflows = 7;
             p.fullest_queue->length = 129;
         }},
        {"syn_queue",
         "the kernel dropped SYNs 40 times, 4/s (0/s in the good seconds): too many connections "
         "were half open",
         [](auto& p) { p.target->kernel->syn_queue_drops = 4; }},
        {"tcp_memory", "reset connections for lack of memory 30 times, 3/s",
         [](auto& p) { p.target->kernel->aborts_on_memory = 3; }},
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

TEST(CompareSides, TellsTheProxysProcessFromTheTargetsBehindIt) {
    const auto with_proxy = [](TimelinePoint& p) -> ProcessUse& {
        p.target->proxy = p.target->process;
        p.target->proxy->pid = 78;
        return *p.target->proxy;
    };
    const struct {
        const char* code;
        const char* text;
        std::function<void(ProcessUse&)> change;
    } rows[] = {
        {"proxy_oom",
         "the kernel killed 10 processes of the proxy's cgroup for lack of memory (OOM)",
         [](auto& p) { p.oom_kills = 1; }},
        {"proxy_restart", "the proxy was restarted 10 times under the load; its process is 78 now",
         [](auto& p) { p.restarts = 1; }},
        {"proxy_gone", "the proxy's process 78 has ended under the load",
         [](auto& p) { p.gone = true; }},
        {"proxy_fd_limit",
         "1000 of 1024 file descriptors were open (40 in the good seconds): the proxy can accept "
         "no "
         "more",
         [](auto& p) { p.fds = 1000; }},
        {"proxy_cpu_quota",
         "the CPU quota of 0.5 cores was used up: the proxy got 0.4 and was held back in 90 % of "
         "the quota's periods (0 % in the good seconds)",
         [](auto& p) {
             p.quota = true;
             p.cores = 0.5;
             p.throttled = 0.9;
         }},
        {"proxy_cpu", "the proxy used 1.9 of 2 cores (0.4 in the good seconds)",
         [](auto& p) { p.cores_used = 1.9; }},
        {"proxy_cpu_thread",
         "one thread of the proxy used 98 % of a core (30 % in the good seconds): it does all the "
         "work alone",
         [](auto& p) { p.busiest_thread = 0.98; }},
        {"proxy_run_queue",
         "the proxy's threads were ready but had no core for 1.2 s each second, all together (0.05 "
         "in the good seconds)",
         [](auto& p) { p.run_queue_wait = 1.2; }},
    };
    for (const auto& [code, text, change] : rows) {
        SCOPED_TRACE(code);
        std::vector<TimelinePoint> good, bad;
        for (int i = 0; i < 10; ++i) {
            auto& quiet = with_proxy(good.emplace_back(healthy(i)));
            change(with_proxy(bad.emplace_back(healthy(i + 10))));
            quiet.throttled = 0;
        }
        const auto better = side_of(good);
        const auto found = compare_sides(&better, side_of(bad), {});
        ASSERT_THAT(codes(found), ElementsAre(code));
        EXPECT_EQ(found[0].text, text);
    }
    EXPECT_THAT(compare([&](TimelinePoint& p) { with_proxy(p); }), IsEmpty());
}

TEST(CompareSides, SaysWhatProxyAndApplicationUsedWhereAnswersWereSlow) {
    auto point = healthy(0);
    point.origins.slow = 20;
    point.origins.slow_service = 20 * milliseconds(400);
    point.target->proxy.emplace().cores_used = 0.97;
    const auto found = compare_sides(nullptr, side_of({&point, 1}), {limit});
    ASSERT_THAT(codes(found), ElementsAre("proxy_slow"));
    EXPECT_EQ(found[0].text,
              "20 answers that took longer than 100 ms told how long the application behind the "
              "proxy had taken: 0 % of their 400 ms on average; the rest passed in the proxy or on "
              "the way to it; the proxy used 0.97 cores then, the application 0.4");
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

TEST(CompareSides, TellsAProxysErrorsFromTheServicesOwn) {
    const OutcomeExample examples[] = {
        {Outcome::http_5xx, "bet", "http_5xx: HTTP 503 overloaded"},
        {Outcome::http_5xx, "bet", "http_5xx: HTTP 502 from nginx/1.22.1 <html>"},
        {Outcome::http_5xx, "bet", "http_5xx: HTTP 500 oops"}};
    auto point = healthy(0);
    point.outcomes[0] -= 67;
    point.outcomes[static_cast<std::size_t>(Outcome::http_5xx)] = 67;
    point.origins.http_502 = 30;
    point.origins.http_503 = 20;
    point.origins.http_504 = 10;
    const auto found = compare_sides(nullptr, side_of({&point, 1}), {limit, examples});
    ASSERT_THAT(codes(found), ElementsAre("http_502", "http_503", "http_504", "http_5xx"));
    EXPECT_EQ(
        found[0].text,
        "30 of 100 requests were answered 502 by a proxy, as the application behind it refused "
        "the connection or broke it: 30 %; the first: HTTP 502 from nginx/1.22.1 <html>");
    EXPECT_EQ(
        found[1].text,
        "20 of 100 requests were answered 503: accepted from the kernel's queue, then refused "
        "by the service itself or by a proxy before it: 20 %; the first: HTTP 503 overloaded");
    EXPECT_EQ(found[3].text, "7 of 100 requests were answered 5xx: 7 %; the first: HTTP 500 oops");
}

TEST(CompareSides, QuotesNo502OrQueueForAnother5xx) {
    const OutcomeExample examples[] = {
        {Outcome::http_5xx, "bet", "http_5xx: HTTP 502 from nginx/1.22.1 <html>"},
        {Outcome::http_5xx, "bet", "http_5xx: HTTP 503 overloaded"}};
    auto point = healthy(0);
    point.outcomes[0] -= 30;
    point.outcomes[static_cast<std::size_t>(Outcome::http_5xx)] = 30;
    const auto found = compare_sides(nullptr, side_of({&point, 1}), {limit, examples});
    ASSERT_THAT(codes(found), ElementsAre("http_5xx"));
    EXPECT_EQ(found[0].text, "30 of 100 requests were answered 5xx: 30 %");
}

TEST(CompareSides, TellsWhetherSlowAnswersWereSlowInTheApplicationOrBeforeIt) {
    const auto told = [](Duration upstream, std::uint64_t n) {
        auto point = healthy(0);
        point.origins.slow = n;
        point.origins.slow_service = n * milliseconds(400);
        point.origins.slow_upstream = n * upstream;
        return compare_sides(nullptr, side_of({&point, 1}), {limit});
    };
    const auto application = told(milliseconds(396), 20);
    ASSERT_THAT(codes(application), ElementsAre("upstream_slow"));
    EXPECT_EQ(application[0].text,
              "20 answers that took longer than 100 ms told how long the application behind the "
              "proxy had taken: 99 % of their 400 ms on average");
    const auto proxy = told(milliseconds(4), 20);
    ASSERT_THAT(codes(proxy), ElementsAre("proxy_slow"));
    EXPECT_THAT(proxy[0].text, HasSubstr("1 % of their 400 ms on average; the rest passed in"));
    EXPECT_THAT(told(milliseconds(200), 20), IsEmpty()) << "both";
    EXPECT_THAT(told(milliseconds(396), 4), IsEmpty()) << "too few";
}

TEST(CompareSides, SlowAnswersThatBrokeNothingAreNoCause) {
    const auto side = [](std::uint64_t slow, std::uint64_t completed) {
        auto point = healthy(0);
        point.completed = completed;
        point.origins.slow = slow;
        point.origins.slow_service = slow * milliseconds(400);
        point.origins.slow_upstream = slow * milliseconds(396);
        return side_of({&point, 1});
    };
    const auto good = side(0, 1000);
    EXPECT_THAT(codes(compare_sides(&good, side(20, 1000), {limit})), ElementsAre("upstream_slow"));
    CauseContext errors_broke{limit};
    errors_broke.too_slow = false;
    EXPECT_THAT(compare_sides(&good, side(20, 1000), errors_broke), IsEmpty());
    EXPECT_THAT(compare_sides(&good, side(20, 100'000), {limit}), IsEmpty()) << "0.02 %";
    const auto as_slow = side(15, 1000);
    EXPECT_THAT(compare_sides(&as_slow, side(20, 1000), {limit}), IsEmpty());
}

TEST(CompareSides, NamesEveryWayInWhichAServiceFails) {
    for (const auto outcome : {Outcome::http_4xx, Outcome::check_failed, Outcome::capture_failed,
                               Outcome::tls_error, Outcome::protocol_error, Outcome::redis_moved}) {
        const std::string name{to_string(outcome)};
        SCOPED_TRACE(name);
        const auto found = compare([&](TimelinePoint& p) {
            p.outcomes[0] -= 10;
            p.outcomes[static_cast<std::size_t>(outcome)] += 10;
        });
        ASSERT_THAT(codes(found), ElementsAre(name));
        EXPECT_THAT(found[0].text, HasSubstr("100 of 1000 requests "));
    }
}

TEST(CompareSides, ASlowPingOfAFullRedisFollowsFromItsCpuButASlowCommandDoesNot) {
    const auto full = [](TimelinePoint& p) {
        p.target->redis->cores_used = 0.97;
        p.target->redis->ping = milliseconds(140);
    };
    const auto found = compare(full);
    ASSERT_THAT(codes(found), ElementsAre("redis_cpu"));
    EXPECT_EQ(
        found[0].text,
        "Redis used 97 % of its one core (10 % in the good seconds); a PING took up to 140 ms");
    EXPECT_THAT(codes(compare([&](TimelinePoint& p) {
                    full(p);
                    p.target->redis->slow = 1;
                    p.target->redis->slowest = milliseconds(500);
                })),
                ElementsAre("redis_slow", "redis_cpu"));
}

TEST(CompareSides, ASlowPingAndNoSlowCommandShowThatCommandsQueueForTheCoreOfRedis) {
    const auto found = [](double cores_used, Duration slowest) {
        return codes(compare([=](TimelinePoint& p) {
            p.target->redis->cores_used = cores_used;
            p.target->redis->ping = milliseconds(140);
            p.target->redis->slowest = slowest;
            p.target->redis->slow = slowest > Duration{} ? 1 : 0;
        }));
    };
    EXPECT_THAT(found(0.82, {}), ElementsAre("redis_cpu"));
    EXPECT_THAT(found(0.78, {}), ElementsAre("redis_slow"));
    EXPECT_THAT(found(0.82, milliseconds(120)), ElementsAre("redis_slow"));
}

/// What stands out between a good side and a bad one that `change` has set to a share of a limit.
std::vector<std::string> codes_between(double good, double bad,
                                       void (*change)(TimelinePoint&, double)) {
    auto better = healthy(0), worse = healthy(1);
    change(better, good);
    change(worse, bad);
    const auto side = side_of({&better, 1});
    return codes(compare_sides(&side, side_of({&worse, 1}), {}));
}

TEST(CompareSides, NamesALimitThatIsNearerThanOnTheGoodSideAndNoneThatWasReachedThereToo) {
    const struct {
        const char* code;
        void (*change)(TimelinePoint&, double);
    } rows[] = {
        {"fd_limit",
         [](TimelinePoint& p, double used) {
             p.target->process->fd_limit = 10000;
             p.target->process->fds = static_cast<std::uint64_t>(10000 * used);
         }},
        {"cpu_quota",
         [](TimelinePoint& p, double used) {
             p.target->process->quota = true;
             p.target->process->throttled = used;
         }},
        {"cpu", [](TimelinePoint& p, double used) { p.target->process->cores_used = 2 * used; }},
        {"cpu_thread",
         [](TimelinePoint& p, double used) { p.target->process->busiest_thread = used; }},
        {"redis_cpu", [](TimelinePoint& p, double used) { p.target->redis->cores_used = used; }},
    };
    for (const auto& [code, change] : rows) {
        SCOPED_TRACE(code);
        EXPECT_THAT(codes_between(0.93, 0.96, change), ElementsAre(code));
        EXPECT_THAT(codes_between(0.5, 1, change), ElementsAre(code));
        EXPECT_THAT(codes_between(0.97, 1, change), ElementsAre(code));
        EXPECT_THAT(codes_between(1, 1, change), IsEmpty());
        EXPECT_THAT(codes_between(0.99, 1, change), IsEmpty());
        EXPECT_THAT(codes_between(0.95, 0.96, change), IsEmpty());
    }
}

TEST(CompareSides, ThreadsThatWaitLongerForTheTargetsOwnCoresAreNoOthersDoing) {
    struct Row {
        const char* name;
        bool quota;
        double good_cores, bad_cores, good_throttled, bad_throttled;  // of 2 cores
        const char* code;
        const char* text;
    };
    const Row rows[] = {
        {"its quota", true, 1.98, 1.98, 0.97, 0.97, "cpu_quota",
         "held back in 97 % of the quota's periods (97 % in the good seconds); its threads were "
         "ready but had no core for 3.4 s each second, all together (0.6 in the good seconds)"},
        {"its cores", false, 1.98, 1.98, 0, 0, "cpu",
         "used 1.98 of 2 cores (1.98 in the good seconds); its threads were ready but had no core "
         "for 3.4 s each second, all together (0.6 in the good seconds)"},
        {"others, while it used less", false, 1.5, 1.5, 0, 0, "run_queue",
         "the target's threads were ready but had no core for 3.4 s each second"},
        {"others, who took some of its cores", false, 2, 1.82, 0, 0, "run_queue", "had no core"},
        {"others, under a quota that it always met in bursts", true, 1.2, 0.6, 0.4, 0.25,
         "run_queue", "had no core"},
        {"others, while the quota held it back less", true, 1.2, 1.2, 0.4, 0.25, "run_queue",
         "had no core"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        const auto point = [&](int i, double cores, double throttled, double wait) {
            auto made = healthy(i);
            auto& process = *made.target->process;
            process.cores_used = cores;
            process.run_queue_wait = wait;
            process.quota = row.quota;
            if (row.quota) process.throttled = throttled;
            return made;
        };
        const auto good = point(0, row.good_cores, row.good_throttled, 0.6);
        const auto bad = point(1, row.bad_cores, row.bad_throttled, 3.4);
        const auto side = side_of({&good, 1});
        const auto found = compare_sides(&side, side_of({&bad, 1}), {});
        ASSERT_THAT(codes(found), ElementsAre(row.code));
        EXPECT_THAT(found[0].text, HasSubstr(row.text));
    }
}

TEST(CompareSides, AWaitOfWhichTheGoodSideKnowsNothingMakesNoQuotaTheCause) {
    auto good = healthy(0), bad = healthy(1);
    for (auto* point : {&good, &bad}) {
        point->target->process->quota = true;
        point->target->process->throttled = 0.5;
    }
    good.target->process->run_queue_wait.reset();
    bad.target->process->run_queue_wait = 3.4;
    const auto side = side_of({&good, 1});
    EXPECT_THAT(codes(compare_sides(&side, side_of({&bad, 1}), {})), ElementsAre("run_queue"));
}

TEST(CompareSides, ASpinningThreadThatAlwaysSpunIsNoCause) {
    EXPECT_THAT(codes_between(1, 1.06,
                              [](TimelinePoint& p, double used) {
                                  p.target->process->busiest_thread = used;
                                  p.target->process->cores_used = used;
                              }),
                IsEmpty());
}

TEST(CompareSides, ARedisNearlyFullInTheGoodProbeStillExplainsTheSlowPing) {
    EXPECT_THAT(codes_between(0.93, 0.96,
                              [](TimelinePoint& p, double used) {
                                  p.target->redis->cores_used = used;
                                  p.target->redis->ping = milliseconds(used > 0.95 ? 140 : 10);
                              }),
                ElementsAre("redis_cpu"));
}

TEST(CompareSides, TheLastGoodSecondMayHaveOpenedAllDescriptors) {
    std::vector<TimelinePoint> good{healthy(0), healthy(1)};
    good[1].target->process->fds = 1024;
    auto bad = healthy(2);
    bad.target->process->fds = 1024;
    const auto side = side_of(good);
    const auto found = compare_sides(&side, side_of({&bad, 1}), {});
    ASSERT_THAT(codes(found), ElementsAre("fd_limit"));
    EXPECT_THAT(found[0].text, HasSubstr("(40 in the good seconds)"));
}

TEST(CompareSides, QuotesWhatTheServiceSaidFirst) {
    auto point = healthy(0);
    point.outcomes[0] -= 50;
    point.outcomes[static_cast<std::size_t>(Outcome::http_5xx)] = 30;
    point.outcomes[static_cast<std::size_t>(Outcome::reset)] = 20;
    const OutcomeExample examples[] = {{Outcome::reset, "bet", "reset"},
                                       {Outcome::http_5xx, "bet", "http_5xx: HTTP 500 oops"}};
    const auto found = compare_sides(nullptr, side_of({&point, 1}), {limit, examples});
    ASSERT_THAT(codes(found), ElementsAre("http_5xx", "reset"));
    EXPECT_EQ(found[0].text,
              "30 of 100 requests were answered 5xx: 30 %; the first: HTTP 500 oops");
    EXPECT_EQ(found[1].text, "20 of 100 requests were ended by a reset: 20 %");
}

TEST(CompareSides, TakesNoBusyServiceThatWasAsBusyBeforeForTheCause) {
    const auto busy = [](TimelinePoint& p) {
        p.target->process->run_queue_wait = 0.8;
        p.target->redis->ping = milliseconds(150);
        p.target->kernel->listen_overflows = 9;
        p.fullest_queue->length = 129;
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

TEST(CompareSides, TakesNoSynForALostSegmentAndNoCookieForADroppedSyn) {
    EXPECT_THAT(compare([](TimelinePoint& p) {
                    p.target->kernel->retransmits = p.target->kernel->syn_retransmits = 50;
                    p.target->kernel->syn_queue_cookies = p.target->kernel->syncookies_sent = 50;
                }),
                IsEmpty());
}

TEST(CompareSides, KnowsNothingOfATargetThatIsNotWatched) {
    auto point = healthy(0);
    point.target.reset();
    point.sockets.reset();
    point.fullest_queue.reset();
    const auto side = side_of({&point, 1});
    EXPECT_THAT(compare_sides(nullptr, side, {}), IsEmpty());
}

TEST(CompareSides, TakesNoOverflowOfAnotherServicesQueueForTheTargets) {
    auto point = healthy(0);
    point.target->kernel->listen_overflows = 50;
    point.fullest_queue = {6, 5};
    const auto found = [&] { return compare_sides(nullptr, side_of({&point, 1}), {}); };
    ASSERT_THAT(codes(found()), ElementsAre("accept_queue"));
    EXPECT_THAT(found().front().text, HasSubstr("(seen with 6 of 5)"));
    point.fullest_queue->backlog = 128;
    EXPECT_THAT(found(), IsEmpty());
    point.fullest_queue.reset();
    EXPECT_THAT(found().front().text, HasSubstr("of some service in its network namespace"));
}

ClauseResult failed_p99() {
    ClauseResult result;
    result.clause.text = "p99 < 100ms";
    result.clause.quantile = 0.99;
    result.clause.limit = milliseconds(100);
    result.word = VerdictWord::fail;
    return result;
}

void slow(TimelinePoint& p) {
    p.p90 = p.p99 = p.p999 = p.max = milliseconds(400);
    p.clauses[0].bad = 20;
}

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

ClauseResult failed_errors() {
    ClauseResult result;
    result.clause.text = "errors < 10%";
    result.clause.metric = SloClause::Metric::errors;
    result.clause.error_limit = 0.1;
    result.word = VerdictWord::fail;
    return result;
}

TEST(ExplainRun, TakesNoSecondOfAnOverloadedWarmUpForAGoodOne) {
    auto m = run(15, 0, [](TimelinePoint& p) {
        p.outcomes[0] -= 33;
        p.outcomes[static_cast<std::size_t>(Outcome::http_5xx)] += 33;
        p.errors += 33;
        p.clauses[0].bad = 33;
    });
    for (int i = 0; i < 5; ++i) m.timeline[static_cast<std::size_t>(i)].phase = Phase::warmup;
    const ClauseResult clauses[] = {failed_errors()};
    const auto report = explain_run(m, clauses, limit);
    EXPECT_FALSE(report->good);
    EXPECT_EQ(report->bad->from, seconds(5)) << "but its seconds are not judged either";
    EXPECT_THAT(codes(report->findings), ElementsAre("http_5xx"));

    for (int i = 0; i < 5; ++i) {
        m.timeline[static_cast<std::size_t>(i)] = healthy(i);
        m.timeline[static_cast<std::size_t>(i)].phase = Phase::warmup;
    }
    const auto warm = explain_run(m, clauses, limit);
    ASSERT_TRUE(warm->good) << "a good warm-up serves";
    EXPECT_EQ(warm->good->length, seconds(5));
    EXPECT_THAT(codes(warm->findings), ElementsAre("http_5xx"));
}

TEST(ExplainRun, JudgesASecondByTheClausesOwnStepOrJourneyAlone) {
    // Five fast steps make a slow journey: no transaction of any second is slow.
    const auto m = run(20, 0, [](TimelinePoint& p) {
        const auto second = p.since_start / std::chrono::seconds{1};
        p.clauses[0].requests = second <= 2 ? 0 : 20;
        p.clauses[0].bad = second <= 10 ? 0 : 2;
        p.errors = 50;  // of a step that is no transaction, and always fails
        if (second > 10) p.target->process->fds = 1024;
    });
    auto clause = failed_p99();
    clause.clause.text = "p95(journey:buy) < 2s";
    clause.clause.quantile = 0.95;
    clause.clause.scope = SloClause::Scope::journey;
    const ClauseResult clauses[] = {clause};
    const auto report = explain_run(m, clauses, limit);
    ASSERT_TRUE(report->good && report->bad);
    EXPECT_EQ(report->good->from, seconds(2)) << "no journey had ended before: nobody knows";
    EXPECT_EQ(report->good->length, seconds(8));
    EXPECT_EQ(report->bad->from, seconds(10));
    EXPECT_THAT(codes(report->findings), ElementsAre("fd_limit"));
}

TEST(ExplainRun, SlowAnswersAreNoCauseWhereOnlyErrorsBroke) {
    const auto m = run(20, 5, [](TimelinePoint& p) {
        p.outcomes[0] -= 30;
        p.outcomes[static_cast<std::size_t>(Outcome::check_failed)] += 30;
        p.clauses[0].bad = 30;
        p.origins.slow = 5;
        p.origins.slow_service = p.origins.slow_upstream = milliseconds(2000);
    });
    ClauseResult clauses[] = {failed_errors()};
    EXPECT_THAT(codes(explain_run(m, clauses, limit)->findings), ElementsAre("check_failed"));
    clauses[0] = failed_p99();
    EXPECT_THAT(codes(explain_run(m, clauses, limit)->findings),
                ElementsAre("check_failed", "upstream_slow"));
}

TEST(ExplainRun, WhereFewAreBadInEachSecondThoseWithAnyAreCompared) {
    const auto m = run(20, 12, [](TimelinePoint& p) {
        p.clauses[0].bad = 1;  // 1 %, as is allowed
        p.target->process->fds = 1024;
    });
    const ClauseResult clauses[] = {failed_p99()};
    const auto report = explain_run(m, clauses, limit);
    EXPECT_EQ(report->bad->from, seconds(12));
    EXPECT_THAT(codes(report->findings), ElementsAre("fd_limit"));
}

TEST(ExplainRun, ComparesNothingWhereNoSecondShowsWhatBroke) {
    const ClauseResult clauses[] = {failed_p99()};
    const auto report = explain_run(run(20, 99, slow), clauses, limit);
    ASSERT_TRUE(report);
    EXPECT_FALSE(report->good || report->bad);
    EXPECT_THAT(report->findings, IsEmpty());
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
        p.clauses[0].requests = 0;
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

TEST(ExplainRun, ARestartOfRedisIsAlwaysToldToo) {
    auto m = run(20, 99, slow);
    m.timeline[11].target->redis->restarts = 1;
    const auto report = explain_run(m, {}, limit);
    ASSERT_TRUE(report);
    ASSERT_THAT(codes(report->findings), ElementsAre("redis_restart"));
    EXPECT_EQ(report->findings[0].text, "Redis was restarted once under the load");
    EXPECT_EQ(report->findings[0].since, seconds(12));
}

/// A probe of a search: half a second to settle, four seconds that `change` spoils, and a drain
/// in which nothing is left of the load.
TrialMeasurement probe_seconds(const Change& change) {
    TrialMeasurement m;
    m.total = Interval{1, 0};
    for (int i = 0; i < 6; ++i) {
        auto& point = m.timeline.emplace_back(healthy(i));
        point.phase = i == 0 ? Phase::warmup : i < 5 ? Phase::measure : Phase::drain;
        if (point.phase != Phase::measure) continue;
        change(point);
        for (std::size_t o = 0; o < outcome_count; ++o) {
            m.total.steps[0].outcomes[o] += point.outcomes[o];
        }
    }
    return m;
}

ProbeResult probe_at(double rate, VerdictWord word) {
    ProbeResult probe;
    probe.kind = ProbeResult::Kind::refine;
    probe.rate = Rate::per_second(rate);
    probe.length = seconds(4);
    probe.word = word;
    return probe;
}

ProbeSight good_probe(
    double rate, const Change& change = [](TimelinePoint&) {}) {
    return see_probe(probe_at(rate, VerdictWord::pass), probe_seconds(change));
}
ProbeSight bad_probe(double rate, const Change& change) {
    return see_probe(probe_at(rate, VerdictWord::fail), probe_seconds(change));
}

void without_descriptors(TimelinePoint& p) { p.target->process->fds = 1024; }
void answered_503(TimelinePoint& p) {
    p.outcomes[0] -= 30;
    p.outcomes[static_cast<std::size_t>(Outcome::http_5xx)] += 30;
}

TEST(ExplainSearch, ComparesTheLastGoodProbeWithTheFirstBadOne) {
    const ProbeSight probes[] = {
        good_probe(100),
        good_probe(200),
        bad_probe(400, [](TimelinePoint& p) { p.target->process->oom_kills = 0; }),
        good_probe(350),
        bad_probe(380, without_descriptors),
        good_probe(375)};  // too near the bad one to tell load from luck
    const auto report = explain_search(probes, {}, limit);
    ASSERT_TRUE(report);
    EXPECT_DOUBLE_EQ(report->good->rate, 350);
    EXPECT_DOUBLE_EQ(report->bad->rate, 380);
    EXPECT_EQ(report->bad->probe, "refine");
    EXPECT_EQ(report->bad->from, seconds(1)) << "behind the settling";
    EXPECT_EQ(report->bad->length, seconds(4));
    ASSERT_THAT(codes(report->findings), ElementsAre("fd_limit"));
    EXPECT_THAT(report->findings[0].text, HasSubstr("(40 in the good probe)"));
    EXPECT_FALSE(report->findings[0].since);
    EXPECT_DOUBLE_EQ(*report->findings[0].rate, 380);
}

TEST(ExplainSearch, AFailureBelowAGoodRateWasColdOrChance) {
    const ProbeSight probes[] = {bad_probe(100, answered_503), good_probe(100), good_probe(300),
                                 bad_probe(340, without_descriptors)};
    const auto report = explain_search(probes, {}, limit);
    EXPECT_DOUBLE_EQ(report->bad->rate, 340);
    EXPECT_THAT(codes(report->findings), ElementsAre("fd_limit"));
}

TEST(ExplainSearch, TakesTheHighestFailureWhereAHigherRatePassed) {
    const ProbeSight probes[] = {good_probe(100), bad_probe(200, answered_503),
                                 bad_probe(300, without_descriptors), good_probe(310)};
    const auto report = explain_search(probes, {}, limit);
    EXPECT_DOUBLE_EQ(report->good->rate, 100);
    EXPECT_DOUBLE_EQ(report->bad->rate, 300);
}

TEST(ExplainSearch, LooksALittleHigherWhereNothingStandsOutYetAndSaysSo) {
    const auto nothing = [](TimelinePoint&) {};
    const ProbeSight probes[] = {good_probe(380), bad_probe(417, nothing),
                                 bad_probe(468, answered_503), bad_probe(440, nothing)};
    const auto report = explain_search(probes, {}, limit);
    ASSERT_THAT(codes(report->findings), ElementsAre("http_5xx"));
    EXPECT_DOUBLE_EQ(report->bad->rate, 468);
    EXPECT_DOUBLE_EQ(*report->findings[0].rate, 468);
    ASSERT_TRUE(report->silent);
    EXPECT_DOUBLE_EQ(report->silent->rate, 417);
}

/// That its quota was used up in nearly all periods.
ProbeSight throttled(ProbeSight sight) {
    sight.side.target->process->quota = true;
    sight.side.target->process->throttled = 0.97;
    return sight;
}

TEST(ExplainSearch, LooksALittleLowerWhereTheLastGoodProbeWasAtTheLimitTooAndSaysSo) {
    const auto nothing = [](TimelinePoint&) {};
    const ProbeSight probes[] = {good_probe(200), throttled(bad_probe(480, nothing)),
                                 throttled(good_probe(300)), good_probe(240)};
    const auto report = explain_search(probes, {}, limit);
    ASSERT_THAT(codes(report->findings), ElementsAre("cpu_quota"));
    EXPECT_DOUBLE_EQ(report->good->rate, 240) << "the nearest that tells";
    EXPECT_DOUBLE_EQ(report->bad->rate, 480);
    ASSERT_TRUE(report->alike);
    EXPECT_DOUBLE_EQ(report->alike->rate, 300);
    EXPECT_DOUBLE_EQ(*report->findings[0].rate, 300) << "a good one shows it already";
}

TEST(ExplainSearch, ADistantGoodProbeOrOneOfNearlyTheSameRateTellsNothing) {
    const auto nothing = [](TimelinePoint&) {};
    for (const double rate : {200.0, 290.0}) {
        const ProbeSight probes[] = {good_probe(rate), throttled(good_probe(300)),
                                     throttled(bad_probe(480, nothing))};
        const auto report = explain_search(probes, {}, limit);
        EXPECT_THAT(report->findings, IsEmpty()) << rate;
        EXPECT_DOUBLE_EQ(report->good->rate, 300);
        EXPECT_FALSE(report->alike);
    }
}

TEST(ExplainSearch, WhatDidNotBreakTheLastGoodProbeIsNotTheCauseThoughALowerOneHadNone) {
    for (const Change& change : {Change{without_descriptors}, Change{answered_503},
                                 Change{[](TimelinePoint& p) { p.target->redis->evicted = 50; }}}) {
        const ProbeSight probes[] = {good_probe(240), good_probe(300, change),
                                     bad_probe(480, change)};
        EXPECT_THAT(explain_search(probes, {}, limit)->findings, IsEmpty());
    }
}

TEST(ExplainSearch, SlowAnswersAreNoCauseOfAProbeThatBrokeByErrorsAlone) {
    auto bad = bad_probe(200, [](TimelinePoint&) {});
    bad.side.origins.slow = 50;
    bad.side.origins.slow_service = bad.side.origins.slow_upstream = seconds(20);
    const auto findings = [&] {
        const ProbeSight probes[] = {good_probe(100), bad};
        return codes(explain_search(probes, {}, limit)->findings);
    };
    EXPECT_THAT(findings(), ElementsAre("upstream_slow"));
    bad.too_slow = false;
    EXPECT_THAT(findings(), IsEmpty());
}

TEST(ExplainSearch, DoesNotTakeWhatBreaksFarAboveForTheCause) {
    const ProbeSight probes[] = {good_probe(380), bad_probe(417, [](TimelinePoint&) {}),
                                 bad_probe(800, without_descriptors)};
    const auto report = explain_search(probes, {}, limit);
    EXPECT_THAT(report->findings, IsEmpty());
    EXPECT_DOUBLE_EQ(report->bad->rate, 417);
    EXPECT_FALSE(report->silent);
}

TEST(ExplainSearch, WhereNoHoldPassedTheFailedOneTellsMoreThanShortProbes) {
    auto hold = bad_probe(300, without_descriptors);
    hold.kind = ProbeResult::Kind::hold;
    hold.within.emplace().findings = {{"oom", "a kill", {}, {}},
                                      {"redis_evictions", "Redis evicted", seconds(90), 300.0}};
    std::vector<ProbeSight> probes{good_probe(200), bad_probe(400, answered_503), hold};
    std::vector<TimelinePoint> all{healthy(0), healthy(1)};
    all[0].target->process->restarts = 1;
    const auto report = explain_search(probes, all, limit);
    EXPECT_THAT(codes(report->findings), ElementsAre("restart", "redis_evictions"))
        << "kills and restarts are those of the whole search";

    hold.word = VerdictWord::pass;
    probes.push_back(hold);
    EXPECT_THAT(codes(explain_search(probes, {}, limit)->findings), ElementsAre("http_5xx"));
}

TEST(ExplainSearch, WithoutAGoodProbeOnlyALimitThatWasReachedCounts) {
    const ProbeSight probes[] = {bad_probe(50, [](TimelinePoint& p) {
        without_descriptors(p);
        p.target->redis->blocked = 500;  // nobody knows how many are usual
    })};
    const auto report = explain_search(probes, {}, limit);
    EXPECT_FALSE(report->good);
    EXPECT_THAT(codes(report->findings), ElementsAre("fd_limit"));
}

TEST(ExplainSearch, SaysThatTheCauseIsUnknownRatherThanGuess) {
    const ProbeSight probes[] = {good_probe(100), bad_probe(200, [](TimelinePoint&) {})};
    const auto report = explain_search(probes, {}, limit);
    ASSERT_TRUE(report);
    EXPECT_THAT(report->findings, IsEmpty());
}

TEST(ExplainSearch, TellsTheLowestRateAtWhichItBegan) {
    const auto a_few = [](TimelinePoint& p) {  // within the SLO's errors < 10 %
        p.outcomes[0] -= 5;
        p.outcomes[static_cast<std::size_t>(Outcome::http_5xx)] += 5;
    };
    const ProbeSight probes[] = {good_probe(100), good_probe(200), bad_probe(240, answered_503),
                                 good_probe(230, a_few), bad_probe(400, answered_503)};
    const auto report = explain_search(probes, {}, limit);
    ASSERT_THAT(codes(report->findings), ElementsAre("http_5xx"));
    EXPECT_DOUBLE_EQ(*report->findings[0].rate, 230);
}

TEST(ExplainSearch, CountsWhatWasDueInTheMeasuredPartAndWhatIsWatchedJustBehindIt) {
    auto m = probe_seconds([](TimelinePoint&) {});
    m.timeline[0].outcomes[static_cast<std::size_t>(Outcome::http_5xx)] = 50;  // it settled
    m.timeline[0].target->process->fds = 1000;
    m.timeline[5].outcomes[static_cast<std::size_t>(Outcome::http_5xx)] = 70;
    m.timeline[5].target->redis->ping = milliseconds(900);
    const auto failed = see_probe(probe_at(100, VerdictWord::fail), m).side;
    EXPECT_EQ(failed.completed, 400u);
    EXPECT_EQ(failed.outcomes[static_cast<std::size_t>(Outcome::http_5xx)], 0u);
    EXPECT_EQ(failed.target->process->fds, 40u);
    EXPECT_EQ(failed.target->redis->ping, milliseconds(900));
    const auto passed = see_probe(probe_at(100, VerdictWord::pass), m).side;
    EXPECT_LT(passed.target->redis->ping, milliseconds(1));
}

TEST(ExplainSearch, LeavesOutWhatWasPlannedBehindTheEndOfAProbeThatEndedEarly) {
    auto m = probe_seconds([](TimelinePoint&) {});
    m.timeline[2].target->process->fds = 200;
    m.timeline[3].target->process->fds = 300;  // the first second behind its end
    m.timeline[4].target->process->fds = 400;
    auto probe = probe_at(100, VerdictWord::fail);
    probe.length = seconds(2);
    const auto failed = see_probe(probe, m);
    EXPECT_EQ(failed.stretch.length, seconds(2));
    EXPECT_EQ(failed.side.target->process->fds, 300u);
    probe.word = VerdictWord::pass;
    EXPECT_EQ(see_probe(probe, m).side.target->process->fds, 200u);
}

TEST(ExplainSearch, NothingBrokeAndARestartIsAlwaysTold) {
    const ProbeSight probes[] = {good_probe(100), good_probe(200)};
    EXPECT_FALSE(explain_search(probes, {}, limit));
    std::vector<TimelinePoint> all{healthy(0), healthy(1), healthy(2)};
    all[1].target->process->restarts = 1;
    all[1].phase = Phase::warmup;
    const auto report = explain_search(probes, all, limit);
    ASSERT_TRUE(report);
    ASSERT_THAT(codes(report->findings), ElementsAre("restart"));
    EXPECT_EQ(report->findings[0].since, seconds(2));
    EXPECT_DOUBLE_EQ(*report->findings[0].rate, 100);
    EXPECT_FALSE(report->bad);
}

}  // namespace
}  // namespace loadline
