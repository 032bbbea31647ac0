// The table of `loadline watch`: what a person sees of a server second by second.
#include "cli/watch_printer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace loadline {
namespace {

using testing::HasSubstr;
using testing::Not;

class Table {
public:
    Table() {
        sample.states[static_cast<std::size_t>(TcpState::listen)] = 1;
        sample.backlog = 128;
        sample.fds = 20;
        sample.fd_limit = 1024;
        printer_.start(owner);
    }

    /// The lines of the next second.
    std::string second() {
        out_.str({});
        printer_.line(std::chrono::seconds{++t_}, sample, owner);
        return out_.str();
    }

    SocketSample sample;
    std::optional<ProcessInfo> owner = ProcessInfo{42, "shop"};

private:
    WatchCommandOptions options_;
    std::ostringstream out_;
    WatchPrinter printer_{options_, std::chrono::seconds{5}, out_};
    int t_ = 0;
};

TEST(WatchPrinter, ALineFitsInto80ColumnsAndInto88WithTheLargestNumbers) {
    Table table;
    table.sample.fds = 123'456;
    table.sample.fd_limit = 1'048'576;
    table.sample.close_wait = table.sample.stale = 100'000;
    std::istringstream lines{table.second()};
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 88U) << line;
    Table usual;
    std::istringstream few{usual.second()};
    for (std::string line; std::getline(few, line);) EXPECT_LE(line.size(), 80U) << line;
}

TEST(WatchPrinter, TellsWhenTheDescriptorsRunOutAsLongAsTheyGrow) {
    Table table;
    for (int i = 0; i < 7; ++i) {
        table.sample.fds = 20 + 10 * i;
        EXPECT_THAT(table.second(), testing::EndsWith(" -\n")) << "too few to see it";
    }
    table.sample.fds = 90;
    EXPECT_THAT(table.second(), testing::EndsWith(" 1m33s\n"));  // (1024 - 90) / 10
    std::string last;
    for (int i = 0; i < 8; ++i) last = table.second();
    EXPECT_THAT(last, testing::EndsWith(" -\n")) << "they have stopped";
}

TEST(WatchPrinter, PredictsNothingFromTheDescriptorsOfAnotherProcess) {
    Table table;
    for (int i = 0; i < 8; ++i) {
        table.sample.fds = 10 + i;  // the master: the fullest as long as the worker has few
        table.second();
    }
    table.sample.fd_limit = 65'536;
    for (int i = 0; i < 7; ++i) {
        table.sample.fds = 700 + i;
        EXPECT_THAT(table.second(), testing::EndsWith(" -\n")) << "too few of the worker";
    }
    table.sample.fds = 707;
    EXPECT_THAT(table.second(), Not(testing::EndsWith(" -\n")));
}

TEST(WatchPrinter, TellsWhatTheStaleOnesAreWhenTheyComeAndWhenTheyDouble) {
    Table table;
    std::string told;
    for (const std::uint32_t count : {0U, 2U, 3U, 4U, 4U, 7U, 8U}) {
        table.sample.classes[static_cast<std::size_t>(StuckClass::eof_not_closed)] = count;
        table.sample.stale = count;
        const auto lines = table.second();
        if (const auto star = lines.find('*'); star != lines.npos) told += lines.substr(star);
    }
    EXPECT_EQ(told,
              "* 2 stale: 2 EOF read and not closed\n"
              "* 4 stale: 4 EOF read and not closed\n"
              "* 8 stale: 8 EOF read and not closed\n");
}

TEST(WatchPrinter, TellsWhenTheServerGoesAndAnotherComes) {
    Table table;
    EXPECT_THAT(table.second(), Not(HasSubstr("*")));
    table.sample.states.fill(0);
    table.owner.reset();
    EXPECT_THAT(table.second(), HasSubstr("* nothing listens any more\n"));
    EXPECT_THAT(table.second(), Not(HasSubstr("*"))) << "once";
    table.sample.states[static_cast<std::size_t>(TcpState::listen)] = 1;
    table.owner = ProcessInfo{43, "shop"};
    const auto lines = table.second();
    EXPECT_THAT(lines, HasSubstr("* a socket listens again\n"));
    EXPECT_THAT(lines, HasSubstr("* another process listens: pid 43: shop\n"));
}

}  // namespace
}  // namespace loadline
