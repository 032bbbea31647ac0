#include "stats/histogram.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loadline {
namespace {

using std::chrono::hours;

constexpr Duration ns(std::int64_t n) { return Duration{n}; }

TEST(HistogramBuckets, HaveTheLayoutOfHdrHistogramWithThreeDigits) {
    // index = bucket * 1024 + (value >> bucket), as AbstractHistogram.countsArrayIndex.
    const struct {
        std::uint64_t value;
        std::size_t index;
        std::uint64_t lowest, highest;
    } rows[] = {
        {1, 1, 1, 1},
        {2047, 2047, 2047, 2047},
        {2048, 2048, 2048, 2049},
        {2049, 2048, 2048, 2049},
        {4095, 3071, 4094, 4095},
        {4096, 3072, 4096, 4099},
        {1'000'000, 9 * 1024 + 1953, 999'936, 1'000'447},
        {3'600'000'000'000, 31 * 1024 + 1676, 3'599'182'594'048, 3'601'330'077'695},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.value);
        EXPECT_EQ(Histogram::index_of(row.value), row.index);
        EXPECT_EQ(Histogram::lowest_at(row.index), row.lowest);
        EXPECT_EQ(Histogram::highest_at(row.index), row.highest);
    }
}

TEST(HistogramBuckets, FollowEachOtherWithoutGapOrOverlap) {
    for (std::size_t i = 1; i < Histogram::counts_size; ++i) {
        ASSERT_EQ(Histogram::lowest_at(i), Histogram::highest_at(i - 1) + 1) << i;
    }
}

TEST(HistogramBuckets, OneHourFitsWithoutClipping) {
    EXPECT_LT(Histogram::index_of(3'600'000'000'000), Histogram::counts_size);
    Histogram histogram;
    histogram.record(hours{1});
    EXPECT_EQ(histogram.counts()[Histogram::index_of(3'600'000'000'000)], 1u);
}

TEST(Histogram, IsEmptyAtFirst) {
    const Histogram histogram;
    EXPECT_EQ(histogram.count(), 0u);
    EXPECT_EQ(histogram.unanswered_count(), 0u);
    EXPECT_EQ(histogram.quantile(0.99), Duration{});
    EXPECT_EQ(histogram.min(), Duration{});
    EXPECT_EQ(histogram.max(), Duration{});
    EXPECT_EQ(histogram.mean(), Duration{});
    EXPECT_EQ(histogram.share_above(Duration{}), 0);
}

TEST(Histogram, QuantileIsTheHighestValueOfTheBucketThatReachesTheShare) {
    Histogram histogram;
    for (int i = 1; i <= 1000; ++i) histogram.record(ns(i));
    const struct {
        double q;
        std::int64_t want;
    } rows[] = {{0, 1},     {0.001, 1},  {0.0011, 2},  {0.29, 290},    {0.5, 500},
                {0.9, 900}, {0.99, 990}, {0.999, 999}, {0.9991, 1000}, {1, 1000}};
    for (const auto& row : rows) {
        SCOPED_TRACE(row.q);
        EXPECT_EQ(histogram.quantile(row.q), ns(row.want));
    }
    histogram.clear();
    histogram.record(ns(1'000'000));
    EXPECT_EQ(histogram.quantile(0.5), ns(1'000'447));
}

TEST(Histogram, QuantileOfOneValueIsThatValueForEveryShare) {
    Histogram histogram;
    histogram.record(ns(7));
    for (const double q : {0.0, 0.5, 0.99, 0.99999, 1.0}) EXPECT_EQ(histogram.quantile(q), ns(7));
}

TEST(Histogram, PercentilesThatUnansweredOnesReachAreExactlyUnanswered) {
    Histogram histogram;
    for (int i = 0; i < 98; ++i) histogram.record(ns(1000));
    histogram.record(Histogram::unanswered, 2);
    EXPECT_EQ(histogram.quantile(0.98), ns(1000));
    EXPECT_EQ(histogram.quantile(0.981), Histogram::unanswered);
    EXPECT_EQ(histogram.unanswered_count(), 2u);
    EXPECT_EQ(histogram.count(), 100u);
}

TEST(Histogram, ValuesOutOfRangeAreRecordedAtItsEnds) {
    Histogram histogram;
    histogram.record(ns(0));
    histogram.record(ns(-5));
    histogram.record(hours{2});
    EXPECT_EQ(histogram.counts()[1], 2u);
    EXPECT_EQ(histogram.unanswered_count(), 1u);
    EXPECT_EQ(histogram.min(), ns(1));
}

TEST(Histogram, MinMaxAndMeanLeaveTheUnansweredOut) {
    Histogram histogram;
    histogram.record(ns(100), 3);
    histogram.record(ns(500));
    histogram.record(Histogram::unanswered, 10);
    EXPECT_EQ(histogram.min(), ns(100));
    EXPECT_EQ(histogram.max(), ns(500));
    EXPECT_EQ(histogram.mean(), ns(200));

    histogram.clear();
    histogram.record(Histogram::unanswered);
    EXPECT_EQ(histogram.min(), Duration{});
    EXPECT_EQ(histogram.max(), Duration{});
    EXPECT_EQ(histogram.mean(), Duration{});
}

TEST(Histogram, ShareAboveCountsBucketsWhollyAboveTheLimit) {
    Histogram histogram;
    for (int i = 1; i <= 100; ++i) histogram.record(std::chrono::milliseconds{i});
    EXPECT_DOUBLE_EQ(histogram.share_above(std::chrono::milliseconds{90}), 0.10);
    EXPECT_DOUBLE_EQ(histogram.share_above(std::chrono::milliseconds{100}), 0);
    EXPECT_DOUBLE_EQ(histogram.share_above(Duration{}), 1);
    histogram.record(Histogram::unanswered, 100);
    EXPECT_DOUBLE_EQ(histogram.share_above(std::chrono::milliseconds{100}), 0.5);
    EXPECT_DOUBLE_EQ(histogram.share_above(hours{3}), 0);
}

TEST(Histogram, MergeAddsCountForCount) {
    Histogram a, b, both;
    for (int i = 1; i <= 5000; ++i) {
        const Duration value = ns(std::int64_t{i} * i * i);
        (i % 3 == 0 ? a : b).record(value, static_cast<std::uint64_t>(i % 7));
        both.record(value, static_cast<std::uint64_t>(i % 7));
    }
    a.merge(b);
    EXPECT_EQ(a.count(), both.count());
    EXPECT_THAT(a.counts(), testing::ElementsAreArray(both.counts()));
    EXPECT_EQ(a.quantile(0.99), both.quantile(0.99));
    a.merge(Histogram{});
    EXPECT_EQ(a.count(), both.count());
}

TEST(Histogram, ClearForgetsEverything) {
    Histogram histogram;
    histogram.record(ns(3), 5);
    histogram.record(Histogram::unanswered);
    histogram.clear();
    EXPECT_EQ(histogram.count(), 0u);
    EXPECT_THAT(histogram.counts(), testing::Each(0u));
    histogram.record(ns(9));
    EXPECT_EQ(histogram.quantile(1), ns(9));
    EXPECT_EQ(histogram.min(), ns(9));
}

TEST(Histogram, CopiesAndMovesKeepTheCounts) {
    Histogram original;
    original.record(ns(42), 7);
    Histogram copy{original};
    copy.record(ns(43));
    EXPECT_EQ(original.count(), 7u);
    EXPECT_EQ(copy.count(), 8u);

    Histogram moved{std::move(copy)};
    EXPECT_EQ(moved.count(), 8u);
    copy = original;  // a moved-from histogram may be assigned to
    EXPECT_EQ(copy.count(), 7u);
    moved = copy;
    EXPECT_EQ(moved.quantile(1), ns(42));
    const auto& alias = moved;
    moved = alias;
    EXPECT_EQ(moved.count(), 7u);
}

}  // namespace
}  // namespace loadline
