// The prober against servers that do what a script says, each rule of the kubelet's with the answer
// that it makes of it; and that its connections are not taken for the load's.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <thread>

#include "scripted_server.hpp"
#include "watch/probes_report.hpp"
#include "watch/probes_shadow.hpp"
#include "watch/watcher.hpp"
#include "watch_server.hpp"

namespace loadline {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

KubeletProbe probe_of(const std::string& url, Duration timeout = 1s, bool tcp = false) {
    KubeletProbe probe;
    probe.url = *parse_url(url);
    probe.timeout = timeout;
    probe.tcp = tcp;
    return probe;
}

/// One probe to its end.
ShadowProbe probe_once(ProbeTarget target) {
    boost::asio::io_context context{1};
    std::optional<ShadowProbe> seen;
    std::make_shared<ProbeAttempt>(context, target, nullptr, [&](const ShadowProbe& shadow) {
        seen = shadow;
    })->start();
    context.run_for(10s);
    EXPECT_TRUE(seen) << "it never ended";
    return seen.value_or(ShadowProbe{});
}

ShadowProbe probe_once(const KubeletProbe& probe) {
    return probe_once({probe, *resolve(probe.url, 1s), {}});
}

ShadowProbe probe_answered(const std::string& reply) {
    ScriptedServer server{answers_with(reply)};
    return probe_once(probe_of(server.url() + "/healthz"));
}

TEST(KubeletProbe, TakesTheStatusForTheAnswer) {
    const struct {
        int status;
        ShadowEnd want;
    } rows[] = {{200, ShadowEnd::success}, {204, ShadowEnd::success}, {299, ShadowEnd::success},
                {304, ShadowEnd::success}, {399, ShadowEnd::success}, {400, ShadowEnd::failure},
                {404, ShadowEnd::failure}, {500, ShadowEnd::failure}, {503, ShadowEnd::failure},
                {101, ShadowEnd::failure}};
    for (const auto& row : rows) {
        SCOPED_TRACE(row.status);
        EXPECT_EQ(probe_answered(http_reply("", {}, row.status)).end, row.want);
    }
    EXPECT_EQ(probe_answered("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n").end,
              ShadowEnd::success)
        << "a redirect without a place is an answer";
    EXPECT_EQ(probe_answered("HTTP/1.1 100 Continue\r\n\r\n" + http_reply("no", {}, 500)).end,
              ShadowEnd::failure)
        << "an interim response is none";
    EXPECT_EQ(probe_answered("hello\r\n\r\n").end, ShadowEnd::failure);
}

TEST(KubeletProbe, AsksOnAConnectionOfItsOwnAndAsksForItsClose) {
    std::string asked;
    ScriptedServer server{[&](Peer& peer) {
        asked = peer.read_request().value_or("");
        peer.send(http_reply("ok"));
    }};
    EXPECT_EQ(probe_once(probe_of(server.url() + "/healthz/live?deep=1")).end, ShadowEnd::success);
    EXPECT_THAT(asked, StartsWith("GET /healthz/live?deep=1 HTTP/1.1\r\n"));
    EXPECT_THAT(asked, HasSubstr(fmt::format("\r\nHost: 127.0.0.1:{}\r\n", server.port())));
    EXPECT_THAT(asked, HasSubstr("\r\nConnection: close\r\n"));
    EXPECT_THAT(asked, HasSubstr("\r\nUser-Agent: kube-probe/"));
    probe_once(probe_of(server.url() + "/healthz/live?deep=1"));
    EXPECT_EQ(server.used_connections(), 2);
}

std::string redirect_to(const std::string& location, int status = 302) {
    return http_reply("", "Location: " + location + "\r\n", status);
}

/// Answers "/there" with `there`, everything else with `other`; counts the requests.
ScriptedServer::Script routes(std::atomic<int>& requests, std::string there, std::string other) {
    return [&requests, there = std::move(there), other = std::move(other)](Peer& peer) {
        while (const auto request = peer.read_request()) {
            ++requests;
            peer.send(request->starts_with("GET /there") ? there : other);
        }
    };
}

TEST(KubeletProbe, FollowsARedirectToTheSameHostOnANewConnection) {
    for (const int status : {301, 302, 303, 307, 308}) {
        SCOPED_TRACE(status);
        std::atomic<int> requests = 0;
        ScriptedServer server{
            routes(requests, http_reply("", {}, 500), redirect_to("/there", status))};
        EXPECT_EQ(probe_once(probe_of(server.url() + "/healthz")).end, ShadowEnd::failure);
        EXPECT_EQ(requests, 2);
        EXPECT_EQ(server.used_connections(), 2);
    }
    std::atomic<int> requests = 0;
    ScriptedServer other{routes(requests, http_reply("", {}, 404), http_reply(""))};
    ScriptedServer server{answers_with(redirect_to(other.url() + "/there"))};
    EXPECT_EQ(probe_once(probe_of(server.url())).end, ShadowEnd::failure)
        << "another port of the same host is the same host";
    EXPECT_EQ(requests, 1);
}

TEST(KubeletProbe, TakesARedirectToAnotherHostForASuccess) {
    std::atomic<int> requests = 0;
    ScriptedServer other{routes(requests, http_reply("", {}, 500), http_reply("", {}, 500))};
    ScriptedServer server{
        answers_with(redirect_to(fmt::format("http://localhost:{}/there", other.port())))};
    EXPECT_EQ(probe_once(probe_of(server.url())).end, ShadowEnd::success);
    EXPECT_EQ(requests, 0) << "it was not followed";
}

TEST(KubeletProbe, GivesUpAfterTenRequests) {
    std::atomic<int> requests = 0;
    ScriptedServer server{routes(requests, "", redirect_to("/again"))};
    EXPECT_EQ(probe_once(probe_of(server.url())).end, ShadowEnd::failure);
    EXPECT_EQ(requests, 10);
}

TEST(KubeletProbe, ReadsTheLocationAsABrowserDoes) {
    const auto from = *parse_url("http://h:81/a/b?c=d");
    const struct {
        const char* location;
        const char* want;
    } rows[] = {{"/x", "http://h:81/x"},
                {"x?y=z", "http://h:81/a/x?y=z"},
                {"?y", "http://h:81/a/b?y"},
                {"/x#part", "http://h:81/x"},
                {"/x?next=http://other/", "http://h:81/x?next=http://other/"},
                {"//h:82/x", "http://h:82/x"},
                {"https://h/x", "https://h:443/x"},
                {"http://other/x", "http://other:80/x"}};
    for (const auto& row : rows) {
        SCOPED_TRACE(row.location);
        const auto url = redirect_url(from, row.location);
        ASSERT_TRUE(url);
        EXPECT_EQ(url->origin() + url->path, row.want);
    }
    EXPECT_FALSE(redirect_url(from, "ftp://h/x"));
    EXPECT_FALSE(redirect_url(from, "http://[h/x"));
}

TEST(KubeletProbe, FailsWhenNoHeadComesInTime) {
    ScriptedServer silent{[](Peer& peer) { peer.wait_until_gone(); }};
    const auto seen = probe_once(probe_of(silent.url(), 200ms));
    EXPECT_EQ(outcome_of(seen, 200ms), (ProbeOutcome{ProbeOutcome::Word::failure, 200ms}));
    ScriptedServer half{[](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Le");
        peer.wait_until_gone();
    }};
    const auto half_seen = probe_once(probe_of(half.url(), 200ms));
    EXPECT_EQ(outcome_of(half_seen, 200ms).word, ProbeOutcome::Word::failure);
}

/// Sends this and then nothing more.
ScriptedServer::Script stalls_after(std::string bytes, bool closes = false) {
    return [bytes = std::move(bytes), closes](Peer& peer) {
        peer.read_request();
        peer.send(bytes);
        if (!closes) peer.wait_until_gone();
    };
}

TEST(KubeletProbe, DiscardsAnAnswerWhoseBodyDoesNotCome) {
    for (const int status : {200, 500}) {
        const auto head =
            fmt::format("HTTP/1.1 {} Status\r\nContent-Length: 100\r\n\r\nbegin", status);
        ScriptedServer stalls{stalls_after(head)};
        const auto stalled = probe_once(probe_of(stalls.url(), 200ms));
        EXPECT_EQ(stalled.end, ShadowEnd::broken_body);
        EXPECT_LT(stalled.answered, 200ms);
        EXPECT_EQ(outcome_of(stalled, 200ms), (ProbeOutcome{ProbeOutcome::Word::discarded, 200ms}));
        ScriptedServer breaks{stalls_after(head, true)};
        EXPECT_EQ(probe_once(probe_of(breaks.url())).end, ShadowEnd::broken_body);
    }
    ScriptedServer elsewhere{
        stalls_after("HTTP/1.1 302 Found\r\nLocation: http://localhost/\r\n"
                     "Content-Length: 100\r\n\r\nbegin",
                     true)};
    EXPECT_EQ(probe_once(probe_of(elsewhere.url())).end, ShadowEnd::broken_body)
        << "a redirect that is not followed is an answer as any other";
}

TEST(KubeletProbe, ReadsNoMoreThanTenKilobytes) {
    const std::string much(11 * 1024, 'x'), little(9 * 1024, 'x');
    const auto head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";
    ScriptedServer enough{stalls_after(head + much)};
    EXPECT_EQ(probe_once(probe_of(enough.url(), 500ms)).end, ShadowEnd::success);
    ScriptedServer too_little{stalls_after(head + little)};
    EXPECT_EQ(probe_once(probe_of(too_little.url(), 200ms)).end, ShadowEnd::broken_body);
    ScriptedServer until_close{stalls_after("HTTP/1.1 200 OK\r\n\r\n" + little, true)};
    EXPECT_EQ(probe_once(probe_of(until_close.url())).end, ShadowEnd::success);
}

TEST(KubeletProbe, TellsHowLongTheAnswerTook) {
    ScriptedServer slow{[](Peer& peer) {
        peer.read_request();
        std::this_thread::sleep_for(150ms);
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
        std::this_thread::sleep_for(150ms);
        peer.send("ok");
    }};
    const auto seen = probe_once(probe_of(slow.url()));
    EXPECT_EQ(seen.end, ShadowEnd::success);
    EXPECT_GE(seen.answered, 150ms);
    EXPECT_GE(seen.took, seen.answered + 100ms);
}

TEST(KubeletProbe, OfTcpConnectsOnly) {
    const ListeningSocket hung;  // nobody accepts
    const auto url = fmt::format("http://127.0.0.1:{}", hung.port());
    EXPECT_EQ(probe_once(probe_of(url, 1s, true)).end, ShadowEnd::success);
    EXPECT_EQ(probe_once(probe_of(url, 100ms)).end, ShadowEnd::failure);
}

TEST(KubeletProbe, FailsAtOnceWhereNobodyListens) {
    ListeningSocket closed;
    const auto url = fmt::format("http://127.0.0.1:{}", closed.port());
    closed.close();
    for (const bool tcp : {true, false}) {
        const auto seen = probe_once(probe_of(url, 5s, tcp));
        EXPECT_EQ(seen.end, ShadowEnd::failure);
        EXPECT_LT(seen.took, 2s);
    }
}

TEST(KubeletProbe, TriesTheNextAddressOfAName) {
    ScriptedServer server{answers_with(http_reply("ok"))};
    ListeningSocket closed;
    const auto nobody = *resolve(*parse_url(fmt::format("http://127.0.0.1:{}", closed.port())), 1s);
    closed.close();
    const auto there = *resolve(*parse_url(server.url()), 1s);
    const auto probe = probe_of(server.url());
    EXPECT_EQ(probe_once({probe, {nobody[0], there[0]}, {}}).end, ShadowEnd::success);
    EXPECT_EQ(server.used_connections(), 1);
    EXPECT_EQ(probe_once({probe, {nobody[0], nobody[0]}, {}}).end, ShadowEnd::failure);
}

TEST(KubeletProbe, WhatWeCannotMakeSaysNothingOfThePod) {
    ScriptedServer server{answers_with(http_reply("ok"))};
    const auto probe = probe_of(server.url());
    EXPECT_EQ(probe_once({probe, {}, {}}).end, ShadowEnd::not_made) << "no address";
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    boost::asio::io_context context{1};
    ProbeTarget target{probe, *resolve(probe.url, 1s), {}};
    std::optional<ShadowProbe> seen;
    const auto attempt = std::make_shared<ProbeAttempt>(
        context, target, nullptr, [&](const ShadowProbe& shadow) { seen = shadow; });
    rlimit none = before;
    none.rlim_cur = 3;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    attempt->start();
    context.run_for(5s);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->end, ShadowEnd::not_made) << "no descriptor";
    EXPECT_EQ(outcome_of(*seen, 1s).word, ProbeOutcome::Word::discarded);
}

TEST(ShadowProber, SaysWhyANameHasNoAddress) {
    testing::internal::CaptureStderr();
    ShadowProber prober{{probe_of("http://no-such-host.invalid/healthz")}, Clock::now(), nullptr};
    std::vector<ProbeSecond> seconds;
    EXPECT_TRUE(wait_for(10s, [&] {
        append(seconds, prober.take());
        return !seconds.empty() && seconds[0].discarded > 0;
    }));
    const auto records = prober.finish();
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("cannot be made: "));
    const auto report = report_probes(records, {})[0];
    EXPECT_EQ(report.failed, 0u);
    EXPECT_GE(report.not_made, 1u);
    EXPECT_THAT(report.text, StartsWith("nothing was learnt: no probe could be made from here: "));
    EXPECT_THAT(report.text, HasSubstr("no-such-host.invalid"));
}

TEST(ShadowProber, BeginsOneEachSecondThoughTheyHang) {
    ScriptedServer silent{[](Peer& peer) {
        peer.read_request();
        peer.wait_until_gone();
    }};
    auto probe = probe_of(silent.url(), 1500ms);
    probe.kind = KubeletProbeKind::readiness;
    ShadowProber prober{{probe}, Clock::now(), nullptr};
    ASSERT_TRUE(wait_for(10s, [&] { return silent.used_connections() >= 4; }));
    const auto second = prober.take();
    const auto records = prober.finish();
    ASSERT_EQ(records.size(), 1u);
    const auto& shadows = records[0].shadows;
    ASSERT_GE(shadows.size(), 4u);
    for (std::size_t i = 1; i < shadows.size(); ++i) {
        const auto begun = shadows[i].start - shadows[0].start;
        EXPECT_GE(begun, std::chrono::milliseconds{1000 * i - 500})
            << "the first may have been late, no other is early";
    }
    EXPECT_EQ(shadows[0].end, ShadowEnd::failure);
    EXPECT_EQ(shadows.back().end, ShadowEnd::unfinished);
    EXPECT_EQ(outcome_of(shadows[0], 1500ms).word, ProbeOutcome::Word::failure);
    ASSERT_EQ(second.size(), 1u);
    EXPECT_EQ(second[0].kind, KubeletProbeKind::readiness);
    EXPECT_GE(second[0].failed, 1u);
    EXPECT_EQ(second[0].succeeded, 0u);
}

TEST(ShadowProber, EndsWhileItsFirstProbesAreStillUnderWay) {
    ScriptedServer silent{[](Peer& peer) { peer.wait_until_gone(); }};
    for (int i = 0; i < 20; ++i) {
        ShadowProber prober{
            {probe_of(silent.url()), probe_of(silent.url(), 1s, true)}, Clock::now(), nullptr};
        if (i % 2 == 0) {
            EXPECT_EQ(prober.finish().size(), 2u);
        }
    }
}

TEST(ShadowProber, LeavesNoSocketToTheWatchOfTheLoad) {
    const ListeningSocket leaks;  // never accepts, so what is closed stays in CLOSE_WAIT
    const auto own = std::make_shared<OwnSockets>();
    WatchOptions options;
    options.port = leaks.port();
    const auto naive = std::move(*Watcher::start(options));
    options.own = own;
    const auto watcher = std::move(*Watcher::start(options));
    ShadowProber prober{
        {probe_of(fmt::format("http://127.0.0.1:{}", leaks.port()), 1s, true)}, Clock::now(), own};
    ASSERT_TRUE(wait_for(10s, [&] { return naive->close_wait_of_load() >= 2; }));
    ASSERT_TRUE(wait_for(10s, [&] { return watcher->latest()->close_wait >= 2; }));
    EXPECT_EQ(watcher->close_wait_of_load(), 0u);
    auto load = leaks.connect();
    load.close();
    EXPECT_TRUE(wait_for(5s, [&] { return watcher->close_wait_of_load() == 1; }))
        << "the load's own are followed as before";
    prober.finish();
}

}  // namespace
}  // namespace loadline
