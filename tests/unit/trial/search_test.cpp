#include "trial/search.hpp"

#include <gtest/gtest.h>

#include "simulated_service.hpp"

namespace loadline {
namespace {

using Kind = ProbeResult::Kind;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto pass = VerdictWord::pass, fail = VerdictWord::fail, invalid = VerdictWord::invalid;

SearchOptions options_of(int budget_s, int hold_s, double start = 50) {
    SearchOptions options;
    options.start_rate = Rate::per_second(start);
    options.budget = seconds{budget_s};
    options.hold.reset();
    if (hold_s > 0) options.hold = seconds{hold_s};
    options.clauses = two_clauses();
    return options;
}

/// A search that is answered by hand.
struct Answered {
    explicit Answered(SearchOptions options) : search{std::move(options)} {}

    /// "bracket 100": kind and rate of what comes next; "-" when the search is over.
    std::string next() const {
        if (!search.next()) return "-";
        return std::string{to_string(search.next()->kind)} + " " +
               std::to_string(std::lround(search.next()->rate.per_second()));
    }

    /// The answer to what comes next: this share of the requests was slow.
    ProbeResult answer(VerdictWord word, double bad_share = 0) const {
        const auto& spec = *search.next();
        ProbeResult probe;
        probe.kind = spec.kind;
        probe.rate = spec.rate;
        probe.length = probe.planned = spec.length;
        // Two requests a journey.
        probe.requests = 2 * static_cast<std::uint64_t>(
                                 std::llround(spec.rate.per_second() * to_seconds(spec.length)));
        probe.transactions_per_s = 2 * spec.rate.per_second();
        const auto bad =
            static_cast<std::uint64_t>(bad_share * static_cast<double>(probe.requests));
        probe.clauses = {{probe.requests, bad, {}, {}, {}}, {probe.requests, 0, {}, {}, {}}};
        probe.p50 = probe.p50_first_half = probe.p50_second_half = milliseconds(3);
        probe.word = word;
        probe.why = word == fail ? "p99 < 100ms: 250 ms" : word == invalid ? "left late" : "";
        return probe;
    }
    void good() { search.add(answer(pass)); }
    void bad(double share = .5) { search.add(answer(fail, share)); }
    void late() { search.add(answer(invalid)); }

    Search search;
};

TEST(Search, StartsAtTheFloorThenDoublesThenWarmsUpThenAsksThePosterior) {
    Answered a{options_of(180, 60)};
    EXPECT_EQ(a.next(), "floor 50");
    EXPECT_EQ(a.search.next()->length, seconds{4});  // 200 requests
    a.good();
    EXPECT_EQ(a.next(), "bracket 100");
    a.good();
    EXPECT_EQ(a.next(), "bracket 200");
    a.bad(.1);  // too many, but not grossly
    EXPECT_EQ(a.next(), "bracket 400");
    a.bad();
    EXPECT_EQ(a.next(), "warmup 170");
    EXPECT_EQ(a.search.next()->length, seconds{12});
    auto chunk = a.answer(pass);
    chunk.p50_second_half = milliseconds(2.9);
    a.search.add(chunk);
    EXPECT_EQ(a.next(), "warmup 170") << "it still got faster";
    a.good();
    EXPECT_EQ(a.next(), "bracket 400") << "what was too much for the cold service";
    a.bad();
    EXPECT_EQ(a.next().substr(0, 6), "refine");
    EXPECT_LT(a.search.next()->rate.per_second(), 400);
    EXPECT_GT(a.search.next()->rate.per_second(), 100);
}

TEST(Search, TakesLongAtTheFloorOnlyWhenSomethingWasBad) {
    Answered a{options_of(180, 60)};
    a.search.add(a.answer(pass, .006));
    EXPECT_EQ(a.next(), "floor 50");
    EXPECT_EQ(a.search.next()->length, seconds{18});  // a tenth of the budget: 900 requests
    a.search.add(a.answer(fail, .015));               // by chance, as far as anybody can tell
    EXPECT_EQ(a.next(), "bracket 100");
}

TEST(Search, GoesToATenthWhileTheFloorIsTooMuch) {
    Answered a{options_of(180, 60, 3000)};
    auto overload = a.answer(fail, .9);
    overload.transactions_per_s = 400;
    a.search.add(overload);
    EXPECT_EQ(a.next(), "floor 300");
    a.good();
    EXPECT_EQ(a.next(), "bracket 600");
    Answered slow{options_of(180, 60)};
    slow.bad(.9);
    EXPECT_EQ(slow.next(), "floor 5");
    slow.bad(.9);
    EXPECT_EQ(slow.next(), "-");
    const auto found = slow.search.conclude(false);
    EXPECT_EQ(found.word, "NO-RATE");
    EXPECT_EQ(found.text,
              "no rate keeps the SLO: even 5 journeys/s break it (p99 < 100ms: 250 ms)");
    EXPECT_FALSE(found.estimate_rate);
}

TEST(Search, NeverExceedsTheHighestRateAllowed) {
    auto options = options_of(60, 0);
    options.max_rate = Rate::per_second(150);
    Answered a{options};
    a.good();
    a.good();
    EXPECT_EQ(a.next(), "bracket 150");
    while (a.search.next()) {
        EXPECT_LE(a.search.next()->rate.per_second(), 150);
        a.good();
    }
    const auto found = a.search.conclude(false);
    EXPECT_EQ(found.word, "ESTIMATE-ONLY");
    EXPECT_EQ(found.text, "at least 150 journeys/s (300 transactions/s), not held");
    EXPECT_EQ(found.advice, "raise --max-rate: the load line may lie higher");
}

TEST(Search, RepeatsAnInvalidProbeTwiceAndThenStaysBelowIt) {
    Answered a{options_of(60, 0)};
    a.good();
    a.late();
    EXPECT_EQ(a.next(), "bracket 100");
    a.late();
    EXPECT_EQ(a.next(), "bracket 100");
    a.late();
    while (a.search.next()) {
        EXPECT_LE(a.search.next()->rate.per_second(), 95.1);
        a.good();
    }
    const auto found = a.search.conclude(false);
    EXPECT_EQ(found.word, "GENERATOR-LIMITED");
    EXPECT_EQ(found.text,
              "at least 95 journeys/s (190 transactions/s), not held: at 100 journeys/s the "
              "generator, not the service, was at its limit");
    EXPECT_FALSE(found.interval) << "no upper bound is known";
}

TEST(Search, SaysGeneratorLimitedWhenNoProbeCouldBeJudged) {
    Answered a{options_of(60, 0)};
    for (int i = 0; i < 3; ++i) a.late();
    EXPECT_EQ(a.next(), "-");
    EXPECT_EQ(a.search.conclude(false).word, "GENERATOR-LIMITED");
    EXPECT_EQ(a.search.conclude(false).text, "no probe could be judged: left late");
}

/// Up to the first hold: 200 passes, 400 is too much, the budget is used by clean probes.
Answered at_the_first_hold(const SearchOptions& options) {
    Answered a{options};
    while (a.search.next() && a.search.next()->kind != Kind::hold) {
        const double rate = a.search.next()->rate.per_second();
        rate < 300 ? a.good() : a.bad(rate < 310 ? .02 : .5);
    }
    return a;
}

TEST(Search, HoldsStepDownUntilOnePassesFiveAtMost) {
    auto a = at_the_first_hold(options_of(60, 600));
    double last = 1e9;
    for (int i = 0; i < 5; ++i) {
        ASSERT_EQ(a.search.next()->kind, Kind::hold);
        EXPECT_EQ(a.search.next()->length, minutes{10});
        EXPECT_LE(a.search.next()->rate.per_second(), .985 * last + 1e-6);
        last = a.search.next()->rate.per_second();
        a.bad(.02);
    }
    EXPECT_EQ(a.next(), "-");
    const auto found = a.search.conclude(false);
    EXPECT_EQ(found.word, "UNSTABLE");
    EXPECT_FALSE(found.hold->passed);
}

TEST(Search, ConfirmsAHoldThatPassed) {
    auto a = at_the_first_hold(options_of(60, 600));
    const double rate = a.search.next()->rate.per_second();
    auto hold = a.answer(pass, .008);
    hold.clauses[0].standard_error = .001;
    hold.clauses[0].worst_minute_share = .012;
    hold.clauses[0].worst_minute_start = seconds{90};
    a.search.add(hold);
    EXPECT_EQ(a.next(), "-");
    const auto found = a.search.conclude(false);
    EXPECT_EQ(found.word, "CONFIRMED");
    EXPECT_EQ(found.confirmed_rate, rate);
    EXPECT_DOUBLE_EQ(*found.confirmed_tps, 2 * rate);
    EXPECT_EQ(found.hold->clause, "p99 <= limit");
    EXPECT_NEAR(found.hold->budget_used, .8, .01);
    EXPECT_NEAR(*found.hold->worst_minute_used, 1.2, 1e-9);
    // The difference of two such means has a deviation of .0014: P(z < .002 / .0014) = .92.
    EXPECT_NEAR(*found.hold->chance_to_repeat, .92, .02);
    EXPECT_EQ(found.failed_first, "p99 < 100ms: 250 ms");
    EXPECT_EQ(found.binding_clause, "p99 <= limit");
    ASSERT_TRUE(found.knee);
    EXPECT_GT(found.curve.size(), 3u);
}

TEST(Search, ClimbsAfterAHoldThatPassedWithEase) {
    auto a = at_the_first_hold(options_of(60, 600));
    const double first = a.search.next()->rate.per_second();
    a.good();
    ASSERT_TRUE(a.search.next()) << "the line is believed to lie higher";
    while (a.search.next()->kind == Kind::refine) {
        a.search.next()->rate.per_second() < 300 ? a.good() : a.bad(.02);
        if (!a.search.next()) break;
    }
    if (a.search.next()) {
        EXPECT_GT(a.search.next()->rate.per_second(), 1.05 * first);
        a.bad(.02);
    }
    EXPECT_EQ(a.next(), "-");
    EXPECT_EQ(a.search.conclude(false).confirmed_rate, first) << "a failed climb keeps it";
}

TEST(Search, AnInterruptedOneKeepsWhatItHasLearnt) {
    Answered nothing{options_of(60, 60)};
    EXPECT_EQ(nothing.search.conclude(true).word, "UNSTABLE");
    EXPECT_EQ(nothing.search.conclude(true).text, "interrupted before any rate had passed");
    Answered early{options_of(60, 60)};
    early.good();
    early.good();
    EXPECT_GT(*early.search.conclude(true).estimate_rate, 50);
    const auto late = at_the_first_hold(options_of(180, 600)).search.conclude(true);
    EXPECT_EQ(late.word, "ESTIMATE-ONLY");
    EXPECT_EQ(late.text.substr(late.text.size() - 23), ", not held: interrupted") << late.text;
}

TEST(Search, SaysMetastableAfterThreeBadLooks) {
    Answered a{options_of(60, 60)};
    a.good();
    auto overload = a.answer(fail, .9);
    overload.drained = false;
    a.search.add(overload);
    EXPECT_EQ(a.next(), "recheck 50");
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(a.next(), "recheck 50");
        auto look = a.answer(pass);
        look.p50 = milliseconds(9);  // three times what it was
        a.search.add(look);
    }
    EXPECT_EQ(a.next(), "-");
    const auto found = a.search.conclude(false);
    EXPECT_EQ(found.word, "METASTABLE");
    EXPECT_NE(found.text.find("where the median was 3.00 ms, it is 9.00 ms now"), std::string::npos)
        << found.text;
}

/// The warm-up's chunks, of which the first `faster` end faster than they began, and the rest of
/// the search.
std::string word_after_warming(std::size_t faster) {
    Answered a{options_of(180, 0)};
    std::size_t chunks = 0;
    while (a.search.next()) {
        const auto& spec = *a.search.next();
        auto probe = a.answer(spec.rate.per_second() < 300 ? pass : fail,
                              spec.rate.per_second() < 300 ? 0 : .5);
        if (spec.kind == Kind::warmup && chunks++ < faster) {
            probe.p50_second_half = milliseconds(2.9);
        }
        a.search.add(probe);
    }
    EXPECT_GE(chunks, std::min<std::size_t>(faster, 5));
    return a.search.conclude(false).word;
}

TEST(Search, TakesNoNoiseOfAQuickServiceForWarming) {
    for (const auto& [second, next] : {std::pair{0.31, "bracket 400"}, {0.29, "warmup 170"}}) {
        Answered a{options_of(180, 0)};
        a.good();
        a.good();
        a.good();
        a.bad();
        auto chunk = a.answer(pass);
        chunk.p50_first_half = milliseconds(0.35);
        chunk.p50_second_half = milliseconds(second);
        a.search.add(chunk);
        EXPECT_EQ(a.next(), next) << "from 0.35 ms to " << second;
    }
}

TEST(Search, SaysWarmingWhenEveryChunkOfTheWarmUpWasFasterThanTheLast) {
    EXPECT_EQ(word_after_warming(100), "WARMING");
    EXPECT_EQ(word_after_warming(2), "ESTIMATE-ONLY") << "it was warm in time";
    EXPECT_EQ(word_after_warming(0), "ESTIMATE-ONLY");
}

TEST(Search, GoesOnWhenTheServiceRecovers) {
    Answered a{options_of(60, 60)};
    a.good();
    auto overload = a.answer(fail, .9);
    overload.drained = false;
    a.search.add(overload);
    a.good();  // the recheck
    EXPECT_EQ(a.next(), "warmup 43");
}

TEST(Search, ResumesFromAnEarlierOne) {
    const auto first = at_the_first_hold(options_of(60, 0));
    Search second{options_of(60, 600)};
    second.resume(first.search.history());
    ASSERT_TRUE(second.next());
    EXPECT_EQ(second.next()->kind, Kind::refine);
    EXPECT_NEAR(second.conclude(false).interval->q50 / first.search.conclude(false).interval->q50,
                1, .03);
    Search other{options_of(60, 600)};
    auto foreign = first.search.history();
    for (auto& probe : foreign) probe.clauses.pop_back();
    other.resume(foreign);
    EXPECT_EQ(other.next()->kind, Kind::floor) << "another SLO teaches nothing";
}

TEST(Search, SaysHeadroomAndTheTpsOfAPod) {
    auto options = options_of(60, 600);
    options.current = Rate::per_second(100);
    options.pods = 4;
    auto a = at_the_first_hold(options);
    const auto found = a.search.conclude(false);
    EXPECT_DOUBLE_EQ(*found.headroom, 1 - 100 / *found.estimate_rate);
    EXPECT_DOUBLE_EQ(*found.tps_per_pod, *found.estimate_tps / 4);
}

TEST(Search, AClauseOverWindowsIsJudgedInTheHoldsOnly) {
    auto options = options_of(60, 600);
    options.clauses.push_back(
        {.text = "over", .bad_share = .01, .limit = milliseconds(50), .only_in_holds = true});
    Answered a{options};
    auto probe = a.answer(pass);
    probe.clauses.push_back({probe.requests, probe.requests, {}, {}, {}});  // all of them bad
    a.search.add(probe);
    EXPECT_EQ(a.next(), "bracket 100");
}

TEST(PromiseTime, IsTheLongestOfTheLatencyClauses) {
    EXPECT_EQ(promise_time(two_clauses()), seconds{10});
    EXPECT_EQ(promise_time({{.text = "", .bad_share = .001, .limit = milliseconds(50)},
                            {.text = "", .bad_share = .1, .limit = milliseconds(100)}}),
              seconds{50});
    EXPECT_EQ(
        promise_time({{.text = "", .bad_share = .001, .limit = milliseconds(50), .errors = true}}),
        seconds{10});
}

// In virtual time. The accuracy over many seeds is tests/accuracy/search_simulation.cpp.

TEST(SimulatedSearch, ConfirmsARateNearTheLoadLine) {
    const auto all = known_services();
    for (const char* name : {"M/M/1", "M/D/4", "bounded"}) {
        SCOPED_TRACE(name);
        const auto& model = known_service(all, name);
        SimulatedService service{model, 5};
        const auto found = simulate(options_for(model, 180, 600, 5), service);
        EXPECT_EQ(found.capacity.word, "CONFIRMED") << found.capacity.text;
        EXPECT_NEAR(*found.capacity.confirmed_rate / model.load_line, 1, .06);
        EXPECT_NEAR(*found.capacity.estimate_rate / model.load_line, 1, .06);
        EXPECT_EQ(found.capacity.binding_clause,
                  std::string{name} == "bounded" ? "errors <= 0.1%" : "p99 <= limit");
    }
}

TEST(SimulatedSearch, FindsAPacedSingleServerInAMinuteAltogether) {
    ServiceModel model{"D/D/1", ServiceModel::Kind::plain, 1, .0025, 0};
    for (const double start : {5.0, 73.0, 390.0, 3000.0}) {
        SCOPED_TRACE(start);
        SimulatedService service{model, 1, false};
        const auto found = simulate(options_of(40, 20, start), service);
        ASSERT_EQ(found.capacity.word, "CONFIRMED") << found.capacity.text;
        EXPECT_NEAR(*found.capacity.confirmed_rate / 400, 1, .05);
    }
}

TEST(SimulatedSearch, SaysNoRateWhenTheIdleServiceIsTooSlowOrFails) {
    ServiceModel slow{"slow", ServiceModel::Kind::plain, 1, .0025, -1};
    slow.idle_s = .15;
    ServiceModel failing{"failing", ServiceModel::Kind::plain, 1, .0025, -1};
    failing.error_share = .05;
    for (const auto& model : {slow, failing}) {
        SCOPED_TRACE(model.name);
        SimulatedService service{model, 1};
        EXPECT_EQ(simulate(options_of(60, 20), service).capacity.word, "NO-RATE");
    }
}

TEST(SimulatedSearch, ClaimsNoUpperBoundWhereTheGeneratorIsTheLimit) {
    ServiceModel model{"M/M/1", ServiceModel::Kind::plain, 1, .001, -1};
    for (const int hold : {0, 60}) {
        SimulatedService service{model, 3};
        service.generator_limit = 250;
        const auto found = simulate(options_of(60, hold), service).capacity;
        EXPECT_EQ(found.word, "GENERATOR-LIMITED") << found.text;
        EXPECT_LE(*found.estimate_rate, 250);
        EXPECT_GE(*found.estimate_rate, 150);
        EXPECT_EQ(found.confirmed_rate.has_value(), hold > 0);
    }
}

TEST(SimulatedSearch, SaysMetastableOfAServiceThatOverloadBreaks) {
    ServiceModel model{"broken", ServiceModel::Kind::broken, 8, .007, -1};
    SimulatedService service{model, 3};
    const auto found = simulate(options_of(180, 60), service).capacity;
    EXPECT_EQ(found.word, "METASTABLE") << found.text;
}

/// 2.5 times slower at first, warm after some 20 000 requests; equal service times, so that it is
/// no chance which half of a chunk was the faster one.
TEST(SimulatedSearch, SaysWarmingOnlyWhenTheBudgetEndsBeforeTheServiceIsWarm) {
    const ServiceModel model{"cold", ServiceModel::Kind::cold, 8, .007, 0};
    const double warm_line = 8 / .007;
    for (const auto& [budget, word] :
         {std::pair{90, "WARMING"}, {180, "WARMING"}, {600, "ESTIMATE-ONLY"}}) {
        for (const std::uint64_t seed : {1, 2, 3}) {
            SCOPED_TRACE(budget);
            SimulatedService service{model, seed};
            const auto found = simulate(options_of(budget, 0), service).capacity;
            EXPECT_EQ(found.word, word) << found.text;
            EXPECT_LE(*found.estimate_rate, 1.02 * warm_line) << "no more than the warm one keeps";
        }
    }
}

TEST(SimulatedSearch, EveryOneEndsWithinBudgetAndHolds) {
    std::uint64_t seed = 0;
    for (const auto& model : known_services()) {
        for (const double start : {.5, 20.0, 1e5}) {
            for (const int budget : {5, 20, 90}) {
                SimulatedService service{model, ++seed};
                const auto found = simulate(options_of(budget, 15, start), service);
                // What is under way when the budget ends is let run to its end, and drained.
                EXPECT_LE(found.probing_s, 1.1 * budget + 30) << model.name << " seed " << seed;
                EXPECT_LE(found.holds, 5u);
                EXPECT_FALSE(found.capacity.word.empty());
                EXPECT_FALSE(found.capacity.advice.empty()) << found.capacity.word;
            }
        }
    }
}

TEST(SimulatedSearch, IsRepeatable) {
    const auto all = known_services();
    const auto& model = known_service(all, "M/G/16");
    SimulatedService a{model, 7}, b{model, 7};
    const auto first = simulate(options_for(model, 60, 60, 7), a).capacity;
    const auto second = simulate(options_for(model, 60, 60, 7), b).capacity;
    ASSERT_EQ(first.probes.size(), second.probes.size());
    EXPECT_EQ(first.estimate_rate, second.estimate_rate);
    EXPECT_EQ(first.confirmed_rate, second.confirmed_rate);
}

}  // namespace
}  // namespace loadline
