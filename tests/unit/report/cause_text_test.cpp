#include "report/cause_text.hpp"

#include <gtest/gtest.h>

namespace loadline {
namespace {

const CauseStretch hold{seconds(9), seconds(60), 340, "hold"};
const CauseStretch first{seconds(2), seconds(2), 417, "refine"};
const CauseStretch second{seconds(5), milliseconds(500), 468, "refine"};

TEST(CauseText, NamesTheProbesThatWereCompared) {
    CauseReport cause;
    EXPECT_EQ(compared_text(cause), "");
    cause.bad = first;
    EXPECT_EQ(compared_text(cause),
              "first bad probe: refine, 2 s at 417 journeys/s; no lower rate was good");
    cause.good = hold;
    EXPECT_EQ(compared_text(cause),
              "last good probe: hold, 1m at 340 journeys/s; first bad probe: refine, 2 s at 417 "
              "journeys/s");
    cause.bad = second;
    cause.silent = first;
    EXPECT_EQ(
        compared_text(cause),
        "last good probe: hold, 1m at 340 journeys/s; nothing stood out yet in refine, 2 s at "
        "417 journeys/s, the first bad probe; compared: refine, 500 ms at 468 journeys/s");
    cause.silent.reset();
    cause.alike = CauseStretch{seconds(20), seconds(1), 400, "refine"};
    EXPECT_EQ(compared_text(cause),
              "nothing tells refine, 1 s at 400 journeys/s, the last good probe, from the bad one; "
              "compared: hold, 1m at 340 journeys/s; first bad probe: refine, 500 ms at 468 "
              "journeys/s");
}

TEST(CauseText, SaysNotThatNothingStandsOutWhereNothingWasCompared) {
    CauseReport cause;
    EXPECT_STREQ(unknown_text(cause),
                 "cause unknown: no second by itself shows what broke, so nothing could be "
                 "compared");
    cause.bad = first;
    EXPECT_STREQ(unknown_text(cause),
                 "cause unknown: nothing that was watched stands out where it broke");
}

TEST(CauseText, SaysWhenAFindingBeganAsFarAsIsKnown) {
    EXPECT_EQ(began_text({"cpu", "", {}, {}}), "");
    EXPECT_EQ(began_text({"cpu", "", seconds(13), {}}), "began before 13 s");
    EXPECT_EQ(began_text({"cpu", "", seconds(13), 430.0}), "began before 13 s, at 430 journeys/s");
    EXPECT_EQ(began_text({"cpu", "", {}, 430.0}), "first seen at 430 journeys/s");
}

}  // namespace
}  // namespace loadline
