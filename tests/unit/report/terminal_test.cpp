#include "report/terminal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "golden_text.hpp"
#include "report/text.hpp"
#include "sample_results.hpp"

namespace loadline {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string summary_of(const RunResult& result, bool colour = false) {
    std::ostringstream out;
    write_terminal(out, result, colour);
    return out.str();
}

TEST(Terminal, WholeSummaries) {
    const struct {
        const char* file;
        RunResult (*result)();
    } rows[] = {{"terminal_passing.txt", samples::passing_run},
                {"terminal_failing.txt", samples::failing_run},
                {"terminal_search.txt", samples::confirmed_search},
                {"terminal_limited.txt", samples::limited_search},
                {"terminal_estimate.txt", samples::estimated_search},
                {"terminal_leaking.txt", samples::leaking_run}};
    for (const auto& [file, result] : rows) {
        SCOPED_TRACE(file);
        EXPECT_EQ(summary_of(result()), text_of_file(file));
    }
}

TEST(Terminal, NoLineIsWiderThanThePage) {
    for (const auto result :
         {samples::passing_run, samples::failing_run, samples::confirmed_search,
          samples::limited_search, samples::estimated_search, samples::leaking_run,
          samples::hostile_run, samples::unreachable_run}) {
        std::istringstream lines{summary_of(result())};
        for (std::string line; std::getline(lines, line);) {
            EXPECT_LE(display_width(line), 100u) << line;
            EXPECT_THAT(line, Not(testing::EndsWith(" ")));
        }
    }
}

TEST(Terminal, HostileTextNeverReachesTheTerminalAsAnEscapeSequence) {
    const auto text = summary_of(samples::hostile_run());
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_EQ(text.find('\x07'), std::string::npos);
    EXPECT_EQ(text.find('\xff'), std::string::npos);
}

TEST(Terminal, ColourAddsOnlyEscapeSequences) {
    auto coloured = summary_of(samples::failing_run(), true);
    EXPECT_THAT(coloured, StartsWith("\x1b[1;31mFAIL\x1b[0m  p99 < 100ms: > 10.0 s\n"));
    for (std::size_t at; (at = coloured.find('\x1b')) != std::string::npos;) {
        coloured.erase(at, coloured.find('m', at) - at + 1);
    }
    EXPECT_EQ(coloured, summary_of(samples::failing_run()));
}

TEST(Terminal, ALeakIsTheVerdictEvenWhenTheSearchConfirmed) {
    auto result = samples::confirmed_search();
    result.verdict = {
        VerdictWord::fail,
        {{"leak", "7 sockets stayed in CLOSE_WAIT"}, {"capacity", result.capacity->text}}};
    EXPECT_THAT(
        summary_of(result),
        StartsWith(
            "FAIL  7 sockets stayed in CLOSE_WAIT\n"
            "  CONFIRMED: 374 journeys/s (598.4 transactions/s) keep the SLO, held for 1m30s\n"));
}

TEST(Terminal, WithoutAnSloTheFirstLineSaysSo) {
    auto result = samples::passing_run();
    result.clauses.clear();
    EXPECT_THAT(summary_of(result),
                StartsWith("PASS  no SLO was set; 2000 transactions in 10 s\n"));
    EXPECT_THAT(summary_of(result), Not(HasSubstr("\nSLO\n")));
}

}  // namespace
}  // namespace loadline
