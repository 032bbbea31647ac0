#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cerrno>
#include <fstream>
#include <memory>
#include <sstream>

#include "lab/child.hpp"
#include "temporary_folder.hpp"

namespace loadline {
namespace {

/// Shell commands that print the ids of what they start, under one owner.
class ChildGroup : public testing::Test {
protected:
    /// The child once it has printed "ready"; `pids_` holds every "pid N" before that.
    std::unique_ptr<Child> start(const std::string& script) {
        auto child = Child::start({"/bin/sh", "-c", script}, folder_ / "log");
        if (!child) return nullptr;
        if (!child->wait_for_line("ready", std::chrono::seconds{10})) return nullptr;
        std::ifstream log{folder_ / "log"};
        for (std::string line; std::getline(log, line);) {
            if (line.starts_with("pid ")) pids_.push_back(std::stoi(line.substr(4)));
        }
        return std::make_unique<Child>(std::move(*child));
    }

    static bool there(pid_t pid) { return ::kill(pid, 0) == 0 || errno != ESRCH; }

    const TemporaryFolder folder_;
    std::vector<pid_t> pids_;
};

TEST_F(ChildGroup, EndsWhatAShellStartedToo) {
    auto child = start("sleep 60 & echo pid $!; sleep 61 & echo pid $!; echo ready; wait");
    ASSERT_TRUE(child);
    ASSERT_EQ(pids_.size(), 2u);
    for (const auto pid : pids_) EXPECT_TRUE(there(pid));
    child.reset();
    for (const auto pid : pids_) EXPECT_FALSE(there(pid)) << pid << " outlived its owner";
}

TEST_F(ChildGroup, EndsWhatAShellThatIsGoneHasLeftBehind) {
    auto child = start("sleep 60 & echo pid $!; echo ready");
    ASSERT_TRUE(child);
    ASSERT_EQ(pids_.size(), 1u);
    EXPECT_TRUE(child->running()) << "its group still runs";
    child->end();
    EXPECT_FALSE(child->running());
    EXPECT_FALSE(there(pids_[0]));
}

TEST_F(ChildGroup, KillsWhatIgnoresSigterm) {
    auto child = start("trap '' TERM; echo pid $$; echo ready; while :; do sleep 60; done");
    ASSERT_TRUE(child);
    ASSERT_EQ(pids_.size(), 1u);
    const auto begin = Clock::now();
    child->end();
    EXPECT_FALSE(there(pids_[0]));
    EXPECT_GE(Clock::now() - begin, std::chrono::seconds{3}) << "it had its time to end well";
}

TEST_F(ChildGroup, SaysWhatItPrintedWhenItEndsBeforeItIsReady) {
    auto child = Child::start({"/bin/sh", "-c", "echo no port; exit 3"}, folder_ / "log");
    ASSERT_TRUE(child.has_value());
    const auto line = child->wait_for_line("ready", std::chrono::seconds{10});
    ASSERT_FALSE(line.has_value());
    EXPECT_EQ(line.error().message, "it ended before it was ready:\nno port\n");
}

TEST_F(ChildGroup, NamesAProgramThatCannotBeStarted) {
    const auto child = Child::start({"/no/such/program"}, folder_ / "log");
    ASSERT_FALSE(child.has_value());
    EXPECT_EQ(child.error().message, "cannot start /no/such/program: No such file or directory");
}

}  // namespace
}  // namespace loadline
