// The replay of kubelet probes: each rule with a record whose outcome is known.
#include <gmock/gmock.h>

#include "probe_records.hpp"
#include "watch/probes_report.hpp"

namespace loadline {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using Kind = KubeletProbeKind;
using Word = ProbeOutcome::Word;

/// Fails from second `from` until before `to`.
ProbeRecord failing(KubeletProbe probe, int length, int from, int to) {
    return record_of(probe, length, [=](int t) { return t >= from && t < to ? bad() : good(); });
}

std::vector<std::optional<Duration>> restarts(const std::vector<PhaseReplay>& phases) {
    std::vector<std::optional<Duration>> all;
    for (const auto& phase : phases) all.push_back(phase.restart);
    return all;
}

TEST(ShadowProbe, IsJudgedByTheTimeOutOfTheProbe) {
    const struct {
        const char* what;
        ShadowProbe shadow;
        Duration timeout;
        ProbeOutcome want;
    } rows[] = {
        {"in time", good(300ms), 1s, {Word::success, 300ms}},
        {"too late", good(300ms), 200ms, {Word::failure, 200ms}},
        {"at the very end", good(1s), 1s, {Word::failure, 1s}},
        {"refused", bad(1ms), 1s, {Word::failure, 1ms}},
        {"a body that stalls", {{}, 5ms, 3s, ShadowEnd::broken_body}, 1s, {Word::discarded, 1s}},
        {"a slow body", {{}, 5ms, 1500ms, ShadowEnd::success}, 1s, {Word::discarded, 1s}},
        {"a slow body of a 500", {{}, 5ms, 1500ms, ShadowEnd::failure}, 1s, {Word::discarded, 1s}},
        {"the same in time", {{}, 5ms, 1500ms, ShadowEnd::failure}, 2s, {Word::failure, 1500ms}},
        {"a body that breaks", {{}, 5ms, 9ms, ShadowEnd::broken_body}, 1s, {Word::discarded, 9ms}},
        {"a head too late", {{}, 1200ms, 3s, ShadowEnd::broken_body}, 1s, {Word::failure, 1s}},
        {"cut off", {{}, 400ms, 400ms, ShadowEnd::unfinished}, 1s, {Word::unknown, {}}},
        {"cut off, but too late",
         {{}, 400ms, 400ms, ShadowEnd::unfinished},
         300ms,
         {Word::failure, 300ms}},
        {"cut off in a slow body",
         {{}, 5ms, 400ms, ShadowEnd::unfinished},
         300ms,
         {Word::discarded, 300ms}},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        EXPECT_EQ(outcome_of(row.shadow, row.timeout), row.want);
    }
}

TEST(ProbeReplay, RestartsWhenTheThirdFailureInARowHasEnded) {
    // Of period 10, failing from 20 on: phase 0 fails at 20, 30, 40; phase 1 at 21, 31, 41 ...
    const auto phases = replay_probe(failing(probe_of(Kind::liveness), 60, 20, 60), nullptr, {});
    ASSERT_EQ(phases.size(), 10u);
    for (int i = 0; i < 10; ++i) {
        SCOPED_TRACE(i);
        EXPECT_EQ(phases[static_cast<std::size_t>(i)].restart, seconds(40 + i) + 2ms);
    }
}

TEST(ProbeReplay, RestartsOnlyInThePhasesWhoseTicksMeetTheFailures) {
    // 25 seconds of failures hold three ticks in five of ten phases only: 20, 30, 40 to 24, 34, 44.
    const auto phases = replay_probe(failing(probe_of(Kind::liveness), 80, 20, 45), nullptr, {});
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(phases[static_cast<std::size_t>(i)].restart.has_value(), i < 5) << i;
    }
}

TEST(ProbeReplay, OneSuccessEndsARunOfFailures) {
    const auto probe = probe_of(Kind::liveness, 1s);
    const auto twice = record_of(probe, 30, [](int t) { return t % 3 == 2 ? good() : bad(); });
    EXPECT_THAT(restarts(replay_probe(twice, nullptr, {})), ElementsAre(std::nullopt));
    const auto thrice = record_of(probe, 30, [](int t) { return t % 4 == 3 ? good() : bad(); });
    EXPECT_THAT(restarts(replay_probe(thrice, nullptr, {})), ElementsAre(2s + 2ms));
}

TEST(ProbeReplay, OnlyTheFirstRestartIsKnown) {
    const auto record = record_of(probe_of(Kind::liveness, 1s), 60,
                                  [](int t) { return t % 20 < 10 ? bad() : good(); });
    EXPECT_THAT(restarts(replay_probe(record, nullptr, {})), ElementsAre(2s + 2ms));
}

TEST(ProbeReplay, ReadinessLeavesTheServiceAndComesBack) {
    auto probe = probe_of(Kind::readiness, 1s, 2);
    probe.success_threshold = 3;
    const auto phases = replay_probe(failing(probe, 40, 10, 20), nullptr, {});
    ASSERT_EQ(phases.size(), 1u);
    EXPECT_THAT(phases[0].out, ElementsAre(ProbeStretch{11s + 2ms, 22s + 2ms}));
    EXPECT_FALSE(phases[0].restart);
    const auto to_the_end = replay_probe(failing(probe, 40, 30, 40), nullptr, {});
    EXPECT_THAT(to_the_end[0].out, ElementsAre(ProbeStretch{31s + 2ms, {}}));
}

TEST(ProbeReplay, AFreshContainerIsNotInTheServiceBeforeItsFirstSuccess) {
    const auto probe = probe_of(Kind::readiness, 1s, 2);
    const auto record =
        record_of(probe, 30, [](int t) { return t < 10 || t >= 20 ? bad() : good(); });
    // It was never in before 10, so it does not leave before 21; one that runs for long leaves
    // at 1.
    EXPECT_THAT(replay_probe(record, nullptr, 0s)[0].out, ElementsAre(ProbeStretch{21s + 2ms, {}}));
    EXPECT_THAT(
        replay_probe(record, nullptr, {})[0].out,
        ElementsAre(ProbeStretch{1s + 2ms, 10s + 2ms}, ProbeStretch{21s + 2ms, std::nullopt}));
}

TEST(ProbeReplay, BeforeTheRecordAllWasWell) {
    // Started 5 s before: the ticks at -5 ... -1 succeed, so it was in the Service.
    const auto record = failing(probe_of(Kind::readiness, 1s, 2), 10, 0, 10);
    EXPECT_THAT(replay_probe(record, nullptr, -5s)[0].out,
                ElementsAre(ProbeStretch{1s + 2ms, std::nullopt}));
    EXPECT_THAT(replay_probe(record, nullptr, 0s)[0].out, IsEmpty());
}

TEST(ProbeReplay, TheInitialDelayRunsFromTheContainersStart) {
    auto probe = probe_of(Kind::liveness, 1s);
    probe.initial_delay = 15s;
    const auto record = failing(probe, 60, 0, 60);
    EXPECT_THAT(restarts(replay_probe(record, nullptr, 0s)), ElementsAre(17s + 2ms));
    EXPECT_THAT(restarts(replay_probe(record, nullptr, -10s)), ElementsAre(7s + 2ms));
    EXPECT_THAT(restarts(replay_probe(record, nullptr, {})), ElementsAre(2s + 2ms));
    EXPECT_THAT(restarts(replay_probe(record, nullptr, -25h)), ElementsAre(2s + 2ms));
}

TEST(ProbeReplay, AfterADayTheStartIsOver) {
    auto probe = probe_of(Kind::readiness, 1h, 1);
    probe.success_threshold = 30;  // after 29 hours
    const auto record = failing(probe, 10, 0, 10);
    EXPECT_THAT(replay_probe(record, nullptr, -23h)[0].out, IsEmpty());
    EXPECT_THAT(replay_probe(record, nullptr, -25h)[0].out,
                ElementsAre(ProbeStretch{2ms, std::nullopt}));
}

TEST(ProbeReplay, TheOthersWaitForStartup) {
    const auto startup = failing(probe_of(Kind::startup, 2s, 30), 60, 0, 20);
    const auto liveness = failing(probe_of(Kind::liveness, 2s), 60, 0, 40);
    // Startup succeeds at 20 (or 21 in phase 1); the first tick after that is 2 s later.
    EXPECT_THAT(restarts(replay_probe(liveness, &startup, 0s)), ElementsAre(26s + 2ms, 27s + 2ms));
    EXPECT_THAT(restarts(replay_probe(liveness, nullptr, 0s)), ElementsAre(4s + 2ms, 5s + 2ms));
    EXPECT_THAT(restarts(replay_probe(liveness, &startup, {})), ElementsAre(4s + 2ms, 5s + 2ms))
        << "of a pod that has run for long, startup is over";
}

TEST(ProbeReplay, StartupThatFailsRestartsAndTheOthersNeverBegin) {
    const auto startup = failing(probe_of(Kind::startup, 1s, 5), 60, 0, 60);
    const auto liveness = failing(probe_of(Kind::liveness, 1s), 60, 0, 60);
    EXPECT_THAT(restarts(replay_probe(startup, nullptr, 0s)), ElementsAre(4s + 2ms));
    EXPECT_THAT(restarts(replay_probe(liveness, &startup, 0s)), ElementsAre(std::nullopt));
    EXPECT_THAT(restarts(replay_probe(startup, nullptr, {})), ElementsAre(std::nullopt));
}

TEST(ProbeReplay, StartupIsNotAskedAgainOnceItHasSucceeded) {
    const auto startup = failing(probe_of(Kind::startup, 1s), 60, 5, 60);
    EXPECT_THAT(restarts(replay_probe(startup, nullptr, 0s)), ElementsAre(std::nullopt));
}

TEST(ProbeReplay, ATimeOutLongerThanThePeriodKeepsOneTickWaiting) {
    // Each probe takes 25 s of a period of 10: they begin at 0, 25, 50 and end at 25, 50, 75.
    auto probe = probe_of(Kind::liveness);
    probe.timeout = 25s;
    const auto record = record_of(probe, 120, [](int) { return bad(25s); });
    const auto phases = replay_probe(record, nullptr, {});
    EXPECT_EQ(phases[0].restart, 75s);
    EXPECT_EQ(phases[3].restart, 78s);
    // One that takes 5 s does not delay the next: 0, 10, 20 + 5.
    const auto shorter = record_of(probe, 120, [](int) { return bad(5s); });
    EXPECT_EQ(replay_probe(shorter, nullptr, {})[0].restart, 25s);
}

TEST(ProbeReplay, AWaitingTickIsOneTickAndTheNextIsOnTheGridAgain) {
    // The probe at 0 takes 25 s; the next begins at 25, and the one after it on the grid, at 30.
    auto probe = probe_of(Kind::liveness);
    probe.timeout = 60s;
    const auto record = record_of(probe, 120, [](int t) { return t == 0 ? bad(25s) : bad(1s); });
    EXPECT_EQ(replay_probe(record, nullptr, {})[0].restart, 31s);
}

TEST(ProbeReplay, ADiscardedProbeIsTriedThreeTimesAndChangesNoRun) {
    const auto probe = probe_of(Kind::liveness, 10s, 2);
    const ShadowProbe broken{{}, 1ms, 400ms, ShadowEnd::broken_body};
    // Failures at 0 and 20 with a broken one at 10 between them: they still follow one another.
    const auto between =
        record_of(probe, 60, [&](int t) { return t == 10 || t == 11 ? broken : bad(); });
    EXPECT_EQ(replay_probe(between, nullptr, {})[0].restart, 20s + 2ms);
    // Tried at 10.0, 10.4 (which meets the shadow of 10) and 10.8 (which meets that of 11).
    const auto then_good = record_of(probe, 60, [&](int t) {
        return t == 10 ? broken : t == 11 ? good() : bad();
    });
    EXPECT_EQ(replay_probe(then_good, nullptr, {})[0].restart, 30s + 2ms)
        << "a good answer at the third attempt ends the run of failures";
    const auto all = record_of(probe, 60, [&](int) { return broken; });
    EXPECT_EQ(replay_probe(all, nullptr, {})[0].restart, std::nullopt);
}

TEST(ProbeReplay, NothingIsClaimedBeyondTheRecord) {
    const auto probe = probe_of(Kind::liveness);
    const auto record = failing(probe, 25, 0, 25);  // ticks 0, 10, 20: the third is in it
    auto phases = replay_probe(record, nullptr, {});
    EXPECT_EQ(phases[4].restart, 24s + 2ms);
    EXPECT_EQ(phases[6].restart, std::nullopt);
    auto cut = record;  // the last shadows were still waiting
    for (std::size_t i = 22; i < 25; ++i) {
        cut.shadows[i].end = ShadowEnd::unfinished;
        cut.shadows[i].answered = cut.shadows[i].took =
            seconds(25) - seconds(static_cast<double>(i));
    }
    cut.shadows[22].answered = cut.shadows[22].took = 3s;
    phases = replay_probe(cut, nullptr, {});
    EXPECT_EQ(phases[1].restart, 21s + 2ms);
    EXPECT_EQ(phases[2].restart, 22s + 1s) << "it had waited for longer than the time-out";
    cut.shadows[22].answered = cut.shadows[22].took = 500ms;
    EXPECT_EQ(replay_probe(cut, nullptr, {})[2].restart, std::nullopt);
    EXPECT_THAT(restarts(replay_probe({probe, {}}, nullptr, {})).size(), 10u);
}

TEST(ProbeReplay, AGapInTheRecordIsNoProbe) {
    auto record = failing(probe_of(Kind::liveness), 60, 0, 60);
    auto& shadows = record.shadows;
    shadows.erase(shadows.begin() + 8, shadows.begin() + 15);  // the tick at 10 meets none
    EXPECT_EQ(replay_probe(record, nullptr, {})[0].restart, 30s + 2ms);
    EXPECT_EQ(replay_probe(record, nullptr, {})[5].restart, 25s + 2ms);
}

TEST(ProbeReport, MergesThePhasesAndCountsThem) {
    const auto liveness = failing(probe_of(Kind::liveness), 80, 20, 45);
    const auto readiness = failing(probe_of(Kind::readiness, 10s, 1), 80, 20, 45);
    const auto reports = report_probes({liveness, readiness}, {});
    ASSERT_EQ(reports.size(), 2u);
    EXPECT_EQ(reports[0].restart, (ProbeEpisode{40s + 2ms, 44s + 2ms, 5}));
    EXPECT_EQ(reports[0].text,
              "the kubelet would have restarted this pod between t=40.0 s and t=44.0 s, in 5 of 10 "
              "phases");
    EXPECT_EQ(reports[0].failed, 25u);
    EXPECT_EQ(reports[0].shadows, 80u);
    EXPECT_EQ(reports[0].slowest, 2ms);
    EXPECT_THAT(reports[1].out, ElementsAre(ProbeEpisode{20s + 2ms, 54s + 2ms, 10}));
    EXPECT_EQ(reports[1].text,
              "the kubelet would have taken this pod out of the Service between t=20.0 s and "
              "t=54.0 s, in all 10 phases");
}

TEST(ProbeReport, TwoStretchesApartAreTwoEpisodes) {
    const auto probe = probe_of(Kind::readiness, 2s, 1);
    const auto record =
        record_of(probe, 60, [](int t) { return (t >= 10 && t < 11) || t >= 50 ? bad() : good(); });
    const auto report = report_probes({record}, {})[0];
    EXPECT_THAT(report.out, ElementsAre(ProbeEpisode{10s + 2ms, 12s + 2ms, 1},
                                        ProbeEpisode{50s + 2ms, std::nullopt, 2}));
    EXPECT_EQ(report.text,
              "the kubelet would have taken this pod out of the Service between t=10.0 s and "
              "t=12.0 s, in 1 of 2 phases; from t=50.0 s to the end, in all 2 phases");
}

TEST(ProbeReport, APodThatWasNeverInItsServiceWasNotKeptInIt) {
    const auto readiness = failing(probe_of(Kind::readiness), 60, 0, 60);
    const auto never = report_probes({readiness}, 0s)[0];
    EXPECT_EQ(never.never_in, 10u);
    EXPECT_TRUE(never.out.empty());
    EXPECT_TRUE(never.alarming());
    EXPECT_EQ(never.text,
              "this pod would never have been in the Service while it was watched, in all 10 "
              "phases");
    // Ticks from 5 s before the record find it well, in the phases that have one there.
    const auto late =
        report_probes({failing(probe_of(Kind::readiness, 10s, 1), 60, 2, 60)}, -1s)[0];
    EXPECT_GT(late.never_in, 0u);
    EXPECT_LT(late.never_in, 10u);
    EXPECT_THAT(late.text, testing::MatchesRegex(
                               "this pod would never have been in the Service while it was "
                               "watched, in [1-9] of 10 phases; the kubelet would have taken this "
                               "pod out of the Service .*"));
    EXPECT_EQ(report_probes({readiness}, {})[0].never_in, 0u) << "its start is over";
}

TEST(ProbeReport, SaysWhenItWasTooShortToTell) {
    const auto all_well = [](int) { return good(); };
    EXPECT_EQ(report_probes({record_of(probe_of(Kind::liveness), 30, all_well)}, {})[0].text,
              "the kubelet would not have restarted this pod");
    EXPECT_EQ(report_probes({record_of(probe_of(Kind::readiness), 12, all_well)}, {})[0].text,
              "the kubelet would have kept this pod in the Service; but 3 failures in a row take "
              "up to 30s, and this was watched for 12s only");
    EXPECT_EQ(report_probes({{probe_of(Kind::liveness), {}}}, {})[0].text,
              "nothing was learnt: the load ended before a first answer");
}

}  // namespace
}  // namespace loadline
