#include "report/spectrum.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace loadline {
namespace {

using namespace std::chrono_literals;

std::string spectrum_of(const Histogram& histogram) {
    std::ostringstream out;
    write_spectrum(out, histogram);
    return out.str();
}

TEST(Spectrum, ListsHalvingsOfTheDistanceToAllWithFooter) {
    Histogram histogram;
    for (int i = 1; i <= 8; ++i) histogram.record(std::chrono::microseconds{i});
    EXPECT_EQ(spectrum_of(histogram),
              "         Value     Percentile TotalCount 1/(1-Percentile)\n"
              "\n"
              "      0.001000 0.000000000000          1             1.00\n"
              "      0.001000 0.100000000000          1             1.11\n"
              "      0.002000 0.200000000000          2             1.25\n"
              "      0.003001 0.300000000000          3             1.43\n"
              "      0.004001 0.400000000000          4             1.67\n"
              "      0.004001 0.500000000000          4             2.00\n"
              "      0.005003 0.550000000000          5             2.22\n"
              "      0.005003 0.600000000000          5             2.50\n"
              "      0.006003 0.650000000000          6             2.86\n"
              "      0.006003 0.700000000000          6             3.33\n"
              "      0.006003 0.750000000000          6             4.00\n"
              "      0.007003 0.775000000000          7             4.44\n"
              "      0.007003 0.800000000000          7             5.00\n"
              "      0.007003 0.825000000000          7             5.71\n"
              "      0.007003 0.850000000000          7             6.67\n"
              "      0.007003 0.875000000000          7             8.00\n"
              "      0.008003 1.000000000000          8\n"
              "#[Mean    =     0.004501, StdDeviation   =     0.002292]\n"
              "#[Max     =     0.008003, Total count    =            8]\n"
              "#[Buckets =           32, SubBuckets     =         2048]\n");
}

TEST(Spectrum, UnansweredOnesStandAtOneHourAndNotInTheMean) {
    Histogram histogram;
    histogram.record(1ms, 3);
    histogram.record(Histogram::unanswered, 1);
    const auto text = spectrum_of(histogram);
    EXPECT_THAT(text, testing::HasSubstr(" 1.000000000000          4\n"));
    EXPECT_THAT(text, testing::ContainsRegex("360[0-9]{4}\\.[0-9]{6} 1\\.000000000000"));
    EXPECT_THAT(text, testing::HasSubstr("Total count    =            4]"));
    EXPECT_THAT(text, testing::ContainsRegex("#\\[Mean    =     1\\.00"));
}

TEST(Spectrum, OfNothingHasOnlyItsFrame) {
    EXPECT_EQ(spectrum_of(Histogram{}),
              "         Value     Percentile TotalCount 1/(1-Percentile)\n"
              "\n"
              "#[Mean    =     0.000000, StdDeviation   =     0.000000]\n"
              "#[Max     =     0.000000, Total count    =            0]\n"
              "#[Buckets =           32, SubBuckets     =         2048]\n");
}

TEST(Spectrum, PercentilesRiseAndEndBeforeTheMaximum) {
    for (const std::uint64_t count : {0, 1, 2, 1000, 1'000'000}) {
        double last = -1;
        for (const double p : spectrum_percentiles(count)) {
            EXPECT_GT(p, last);
            EXPECT_GE((1 - p) * static_cast<double>(count), 1 - 1e-6);
            last = p;
        }
    }
    EXPECT_TRUE(spectrum_percentiles(0).empty());
}

}  // namespace
}  // namespace loadline
