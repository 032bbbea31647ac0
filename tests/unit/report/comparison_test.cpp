#include "report/comparison.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "golden_text.hpp"
#include "report/text.hpp"
#include "sample_comparisons.hpp"

namespace loadline {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

template <class Write>
std::string written(Write write, const Comparison& comparison) {
    std::ostringstream out;
    write(out, comparison);
    return out.str();
}

std::string terminal(const Comparison& comparison, bool colour = false) {
    return written(
        [&](std::ostream& out, const Comparison& c) { write_comparison_terminal(out, c, colour); },
        comparison);
}

TEST(ComparisonTerminal, WholePages) {
    EXPECT_EQ(terminal(samples::failing_gate()), text_of_file("compare_gate.txt"));
    EXPECT_EQ(terminal(samples::stored_warning()), text_of_file("compare_stored.txt"));
    EXPECT_EQ(terminal(samples::capacity_drop()), text_of_file("compare_capacity.txt"));
}

TEST(ComparisonTerminal, NoLineIsWiderThanThePageAndNoTextIsObeyed) {
    for (const auto& comparison : {samples::failing_gate(), samples::stored_warning(),
                                   samples::capacity_drop(), samples::hostile_gate()}) {
        const auto text = terminal(comparison);
        EXPECT_EQ(text.find('\x1b'), std::string::npos);
        std::istringstream lines{text};
        for (std::string line; std::getline(lines, line);) {
            EXPECT_LE(display_width(line), 100u) << line;
            EXPECT_THAT(line, Not(testing::EndsWith(" ")));
        }
    }
}

TEST(ComparisonTerminal, ColourOnlySetsOff) {
    auto text = terminal(samples::failing_gate(), true);
    EXPECT_THAT(text, StartsWith("\x1b[1;31mFAIL\x1b[0m"));
    for (auto at = text.find('\x1b'); at != std::string::npos; at = text.find('\x1b'))
        text.erase(at, text.find('m', at) + 1 - at);
    EXPECT_EQ(text, terminal(samples::failing_gate()));
}

TEST(ComparisonTerminal, SaysThatTwoUrlsAreComparedWithinTheirProcesses) {
    auto gate = samples::failing_gate();
    EXPECT_THAT(terminal(gate), Not(HasSubstr("within-process")));
    gate.gate->restarts = false;
    EXPECT_THAT(terminal(gate), HasSubstr("within-process comparison only"));
}

TEST(ComparisonMarkdown, IsATableThatNothingBreaks) {
    const auto text = written(write_comparison_markdown, samples::failing_gate());
    EXPECT_THAT(text, StartsWith("### ❌ FAIL: p50 is 100 % slower than the base"));
    EXPECT_THAT(text, HasSubstr("| p50 | 10.1 ms | 20.1 ms | +100 % |"));
    EXPECT_THAT(text, HasSubstr("<details><summary>steps</summary>"));
    const auto hostile = written(write_comparison_markdown, samples::hostile_gate());
    EXPECT_THAT(hostile, Not(HasSubstr("<script>")));
    EXPECT_THAT(hostile, Not(HasSubstr("\n| injected")));
}

TEST(ComparisonJunit, HasACaseForTheVerdictAndEachJudgedFigure) {
    const auto text = written(write_comparison_junit, samples::failing_gate());
    EXPECT_THAT(text, HasSubstr("tests=\"5\" failures=\"3\" errors=\"0\" skipped=\"0\""));
    EXPECT_THAT(text, HasSubstr("<testcase classname=\"compare.bet\" name=\"verdict\">\n"
                                "      <failure message=\"p50 is 100 % slower"));
    EXPECT_THAT(text, HasSubstr("name=\"p99.9\""));
    EXPECT_THAT(text, Not(HasSubstr("of step"))) << "steps are not judged";

    auto nothing = samples::failing_gate();
    nothing.word = CompareWord::inconclusive;
    EXPECT_THAT(written(write_comparison_junit, nothing),
                testing::AllOf(HasSubstr("errors=\"1\""), HasSubstr("<error message=")));

    const auto warning = written(write_comparison_junit, samples::stored_warning());
    EXPECT_THAT(warning, HasSubstr("failures=\"0\""));
    EXPECT_THAT(warning, HasSubstr("<system-out>WARN: "));
    EXPECT_THAT(written(write_comparison_junit, samples::hostile_gate()),
                Not(HasSubstr("<script>")));
}

TEST(ComparisonSentence, IsTheFirstReasonOrWhatWasLookedAt) {
    EXPECT_THAT(sentence_of(samples::failing_gate()), StartsWith("p50 is 100 % slower"));
    Comparison quiet;
    EXPECT_EQ(sentence_of(quiet), "no regression was found");
    quiet.kind = Comparison::Kind::capacity;
    EXPECT_EQ(sentence_of(quiet), "no loss of capacity was found");
}

}  // namespace
}  // namespace loadline
