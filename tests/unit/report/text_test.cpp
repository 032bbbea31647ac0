#include "report/text.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace loadline {
namespace {

TEST(Printable, LetsNoControlThrough) {
    const struct {
        const char* text;
        const char* want;
    } rows[] = {
        {"plain, é, 試", "plain, é, 試"},
        {"\x1b[31mred", "\xEF\xBF\xBD[31mred"},
        {"two\nlines\tand\r", "two lines and "},
        {"\xC2\x9Bm is a CSI of one byte", "\xEF\xBF\xBDm is a CSI of one byte"},
        {"\xE2\x80\xAEsdrawkcab", "\xEF\xBF\xBDsdrawkcab"},
        {"cut \xE8\xA9", "cut \xEF\xBF\xBD\xEF\xBF\xBD"},
        {"overlong \xC0\xAF", "overlong \xEF\xBF\xBD\xEF\xBF\xBD"},
        {"surrogate \xED\xA0\x80", "surrogate \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    };
    for (const auto& [text, want] : rows) {
        SCOPED_TRACE(want);
        EXPECT_EQ(printable(text), want);
    }
}

TEST(Fit, CutsByColumnsNotBytes) {
    const struct {
        const char* text;
        std::size_t width;
        const char* want;
    } rows[] = {
        {"short", 5, "short"},    {"longer", 5, "long…"},
        {"ééééé", 5, "ééééé"},    {"éééééé", 5, "éééé…"},
        {"試験試験", 5, "試験…"}, {"試験", 4, "試験"},
        {"試験", 2, "…"},         {"x", 0, ""},
    };
    for (const auto& [text, width, want] : rows) {
        SCOPED_TRACE(want);
        EXPECT_EQ(fit(text, width), want);
    }
}

TEST(Table, AlignsAndCutsOnlyWhatIsFlexible) {
    Table table{{{"step", true, true}, {"count"}, {"why", true, true}}};
    table.add({{"a step with a rather long name"}, {"12"}, {"because it was"}});
    table.add({{"b"}, {"3456"}, {"", Style::bad}});
    std::ostringstream wide, narrow;
    table.write(wide, 100, false);
    table.write(narrow, 40, false);
    EXPECT_EQ(wide.str(),
              "  step                            count  why\n"
              "  a step with a rather long name     12  because it was\n"
              "  b                                3456\n");
    EXPECT_EQ(narrow.str(),
              "  step             count  why\n"
              "  a step with a…      12  because it was\n"
              "  b                 3456\n");
}

TEST(Table, ColourChangesNoColumn) {
    Table table{{{""}, {""}}};
    table.add({{"✓", Style::good}, {"1"}});
    table.add({{"✗✗", Style::bad}, {"22"}});
    std::ostringstream out;
    table.write(out, 100, true);
    EXPECT_EQ(out.str(), "  \x1b[1;32m✓\x1b[0m    1\n  \x1b[1;31m✗✗\x1b[0m  22\n");
}

}  // namespace
}  // namespace loadline
