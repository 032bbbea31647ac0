#include "cli/preflight.hpp"

#include <gtest/gtest.h>

namespace loadline {
namespace {

using std::chrono::seconds;

struct Bench {
    Plan plan;
    TrialOptions options;
    Machine machine;

    Bench() {
        plan.targets = {{"web", *parse_url("http://10.0.0.1")}};
        plan.steps.resize(2);
        JourneyPlan journey;
        journey.actions = {ExchangeAction{0}, ExchangeAction{1}};
        plan.journeys = {journey};
        plan.load.duration = seconds{600};
        machine.port_low = 32768;
        machine.port_high = 60999;
        machine.tcp_tw_reuse = 2;
    }
    PortBudget budget(double rate) const { return port_budget(plan, 0, options, rate, machine); }
};

TEST(PortBudget, KeptConnectionsNeedAPortEach) {
    Bench b;
    b.options.connections = 5000;
    b.options.connections_capped = true;
    EXPECT_DOUBLE_EQ(b.budget(1000).needed, 5000);
    EXPECT_DOUBLE_EQ(b.budget(1000).allowed, 28232);
}

TEST(PortBudget, AConnectionPerRequestKeepsItsPortForAMinute) {
    Bench b;
    b.plan.connections = ConnectionMode::per_request;
    EXPECT_DOUBLE_EQ(b.budget(100).needed, 100 * 2 * 60);
    b.machine.tcp_tw_reuse = 1;
    EXPECT_DOUBLE_EQ(b.budget(100).needed, 100 * 2 * 1);
}

TEST(PortBudget, OnLoopbackTheKernelReusesPortsAfterASecondByDefault) {
    Bench b;
    b.plan.connections = ConnectionMode::per_request;
    b.plan.targets[0].url = *parse_url("http://127.0.0.1");
    EXPECT_DOUBLE_EQ(b.budget(100).needed, 100 * 2 * 1);
    b.machine.tcp_tw_reuse = 0;
    EXPECT_DOUBLE_EQ(b.budget(100).needed, 100 * 2 * 60);
}

TEST(PortBudget, AShortLoadNeedsNoMoreThanItOpens) {
    Bench b;
    b.plan.connections = ConnectionMode::per_request;
    b.plan.load.duration = seconds{10};
    EXPECT_DOUBLE_EQ(b.budget(100).needed, 100 * 2 * 10);
}

TEST(PortBudget, EverySourceAddressBringsItsOwnPorts) {
    Bench b;
    b.options.sources = {"127.0.0.2", "127.0.0.3", "127.0.0.4"};
    EXPECT_DOUBLE_EQ(b.budget(1).allowed, 3 * 28232);
}

TEST(PortBudget, AJourneyThatChurnsKeepsOnePort) {
    Bench b;
    b.plan.churn.share = 0.1;
    b.plan.journeys[0].churn = ChurnPoint{1, 0};
    EXPECT_DOUBLE_EQ(b.budget(100).needed, 100 * 0.1 * 60);
    b.plan.journeys.push_back(b.plan.journeys[0]);
    b.plan.journeys[1].churn.reset();
    EXPECT_DOUBLE_EQ(b.budget(100).needed, 100 * 0.1 * 60 / 2);
}

/// 28232 ports, of which 80 % are used, for 60 s: 376 closes a second.
TEST(SpreadSources, AreEnoughForTheClosesOfAMinute) {
    Bench b;
    b.plan.targets[0].url = *parse_url("http://127.0.0.1:8080");
    const auto spread = [&](double rate) {
        return spread_sources(b.plan, b.options, rate, b.machine).size();
    };
    EXPECT_EQ(spread(1000), 0u) << "connections are kept";
    b.plan.churn.share = 0.5;
    b.plan.journeys[0].churn = ChurnPoint{1, 0};
    EXPECT_EQ(spread(700), 0u) << "350 a second: one address will do";
    EXPECT_EQ(spread(1000), 2u);
    EXPECT_EQ(spread(0), 32u) << "nobody knows how many";
    EXPECT_EQ(spread(1e9), 200u);
    const auto two = spread_sources(b.plan, b.options, 1000, b.machine);
    EXPECT_EQ(two, (std::vector<std::string>{"127.0.0.1", "127.0.0.2"}));
    b.plan.targets[0].url = *parse_url("http://localhost:8080");
    EXPECT_EQ(spread(1000), 2u);
    b.plan.connections = ConnectionMode::per_request;
    EXPECT_EQ(spread(1000), 6u) << "two requests each";
    b.plan.load.duration = seconds{20};
    EXPECT_EQ(spread(1000), 2u) << "40 000 in all";

    b.options.sources = {"127.0.0.9"};
    EXPECT_EQ(spread(1000), 0u) << "the user said which";
    b.options.sources.clear();
    b.plan.targets[0].url = *parse_url("http://[::1]:8080");
    EXPECT_EQ(spread(1000), 0u);
    b.plan.targets[0].url = *parse_url("redis://127.0.0.1");
    EXPECT_EQ(spread(1000), 0u) << "a protected Redis answers 127.0.0.1 alone";
    b.plan.targets[0].url = *parse_url("http://10.0.0.1");
    EXPECT_EQ(spread(1000), 0u) << "another machine does not answer 127.x";
}

TEST(PortBudget, CountsTheSpreadSources) {
    Bench b;
    b.plan.targets[0].url = *parse_url("http://127.0.0.1:8080");
    b.options.loopback_sources = {"127.0.0.1", "127.0.0.2"};
    EXPECT_DOUBLE_EQ(b.budget(1).allowed, 2 * 28232);
    b.plan.targets[0].url = *parse_url("http://localhost:8080");
    EXPECT_DOUBLE_EQ(b.budget(1).allowed, 2 * 28232);
    for (const auto* one : {"http://10.0.0.1", "http://[::1]", "redis://localhost"}) {
        b.plan.targets[0].url = *parse_url(one);
        EXPECT_DOUBLE_EQ(b.budget(1).allowed, 28232) << one;
    }
}

TEST(Preflight, DoubtsAChurnOfResetsAlone) {
    Bench b;
    b.plan.churn.share = 1;
    b.plan.churn.weights[static_cast<std::size_t>(ChurnMode::rst_idle)] = 1;
    const auto doubts = preflight({}, b.options, b.plan, 1);
    ASSERT_TRUE(doubts.has_value());
    ASSERT_EQ(doubts->size(), 1u);
    EXPECT_EQ(doubts->front().find("churn ends connections with RST alone"), 0u);
}

TEST(Preflight, RefusesWithTheNumbersAndTheMend) {
    Bench b;
    b.plan.connections = ConnectionMode::per_request;
    b.plan.targets[0].url = *parse_url("http://10.0.0.1");
    const auto machine = read_machine();
    if (machine.tcp_tw_reuse == 1 || machine.port_high - machine.port_low > 40'000) {
        GTEST_SKIP() << "this machine has ports in plenty";
    }
    const auto refused = preflight({}, b.options, b.plan, 10'000);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().message,
              "target web needs 1200000 local ports, and there are " +
                  std::to_string(machine.port_high - machine.port_low + 1) + " (" +
                  std::to_string(machine.port_low) + " to " + std::to_string(machine.port_high) +
                  "); nothing was sent\n   hint: connect from more addresses (--source), widen "
                  "net.ipv4.ip_local_port_range, or keep connections (\"connections\": \"pool\")");
}

TEST(Preflight, RefusesACapBelowTheLoadsUsers) {
    Bench b;
    b.plan.load.users = 20;
    b.options.max_users = 5;
    EXPECT_TRUE(preflight({}, b.options, b.plan, 0).has_value()) << "the cap was not asked for";
    SharedFlags flags;
    flags.max_users = "5";
    const auto refused = preflight(flags, b.options, b.plan, 0);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().message,
              "the load's 20 users are more than --max-users 5; nothing was sent\n"
              "   hint: leave --max-users out, or lower \"users\"");
}

TEST(Preflight, CountsTheConnectionsOfSessionsThatKeepTheirOwn) {
    Bench b;
    b.plan.connections = ConnectionMode::per_session;
    b.plan.load.users = 1'000'000'000;
    const auto refused = preflight({}, b.options, b.plan, 0);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().message.find("1000000000 connections need 1000000"), 0U)
        << refused.error().message;
    EXPECT_NE(refused.error().message.find("or give fewer users"), std::string::npos);
}

}  // namespace
}  // namespace loadline
