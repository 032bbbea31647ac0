#include "stats/hlog.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace loadline {
namespace {

Histogram sample() {
    Histogram histogram;
    for (int i = 1; i <= 3000; ++i) histogram.record(std::chrono::microseconds{i * i});
    histogram.record(Duration{1}, 1'000'000'007);
    histogram.record(Histogram::unanswered, 3);
    return histogram;
}

TEST(EncodeHistogram, StartsAsHistogramLogsDo) {
    EXPECT_THAT(encode_histogram(Histogram{}), testing::StartsWith("HISTFAAAA"));
    EXPECT_THAT(encode_histogram(sample()), testing::StartsWith("HISTFAAA"));
}

TEST(DecodeHistogram, ReadsWhatWasWritten) {
    Histogram huge;
    huge.record(Duration{5}, std::uint64_t{1} << 62);
    for (const Histogram& histogram : {Histogram{}, sample(), huge}) {
        const auto back = decode_histogram(encode_histogram(histogram));
        ASSERT_TRUE(back.has_value()) << back.error().message;
        EXPECT_EQ(back->count(), histogram.count());
        EXPECT_THAT(back->counts(), testing::ElementsAreArray(histogram.counts()));
    }
}

TEST(DecodeHistogram, RefusesWhatIsNotOurs) {
    const std::string good = encode_histogram(sample());
    std::string other_cookie = good;
    other_cookie[2] = 'A';
    std::string broken = good;
    broken[good.size() / 2] = broken[good.size() / 2] == 'A' ? 'B' : 'A';
    const struct {
        std::string text, why;
    } rows[] = {
        {"", "not HdrHistogram V2 compressed"},
        {"abc", "not base64"},
        {"HIST****", "not base64"},
        {"HISTFAAA", "not HdrHistogram V2 compressed"},
        {other_cookie, "not HdrHistogram V2 compressed"},
        {good.substr(0, good.size() / 8 * 4), "truncated or too long"},
        {broken, "broken zlib data"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.text);
        const auto result = decode_histogram(row.text);
        ASSERT_FALSE(result.has_value());
        EXPECT_EQ(result.error().kind, ErrorKind::usage);
        EXPECT_EQ(result.error().message, "not a histogram that loadline wrote: " + row.why);
    }
}

TEST(DecodeHistogram, NeverCrashesOnAChangedByte) {
    Histogram small;
    small.record(std::chrono::milliseconds{5}, 9);
    const std::string good = encode_histogram(small);
    for (std::size_t i = 0; i < good.size(); ++i) {
        for (const char c : {'A', '/', '=', 'z', '\0'}) {
            std::string text = good;
            text[i] = c;
            (void)decode_histogram(text);
        }
    }
}

TEST(HlogWriter, WritesFormat13) {
    std::ostringstream out;
    const std::chrono::system_clock::time_point start{std::chrono::milliseconds{1'700'000'000'250}};
    HlogWriter writer{out, start};
    Histogram histogram;
    histogram.record(std::chrono::microseconds{1500});
    writer.write("place_bet", std::chrono::seconds{2}, std::chrono::milliseconds{1000}, histogram);
    writer.write("a, b\n", std::chrono::seconds{3}, std::chrono::milliseconds{500}, Histogram{});
    writer.write("", Duration{}, std::chrono::seconds{1}, Histogram{});
    EXPECT_EQ(out.str(),
              "#[Histogram log format version 1.3]\n"
              "#[StartTime: 1700000000.250 (seconds since epoch), 2023-11-14T22:13:20Z]\n"
              "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
              "\"Interval_Compressed_Histogram\"\n"
              "Tag=place_bet,2.000,1.000,1.500," +
                  encode_histogram(histogram) + "\nTag=a__b_,3.000,0.500,0.000," +
                  encode_histogram(Histogram{}) + "\n0.000,1.000,0.000," +
                  encode_histogram(Histogram{}) + "\n");
}

TEST(HlogReader, ReadsWhatTheWriterWrote) {
    std::stringstream log;
    HlogWriter writer{log, {}};
    writer.write("place bet", seconds(2), milliseconds(500), sample());
    writer.write("", seconds(3.25), seconds(1), Histogram{});
    HlogReader reader{log};
    const auto first = reader.next();
    ASSERT_TRUE(first.has_value() && *first) << first.error().message;
    EXPECT_EQ((*first)->tag, hlog_tag("place bet"));
    EXPECT_EQ((*first)->since_start, seconds(2));
    EXPECT_EQ((*first)->length, milliseconds(500));
    EXPECT_THAT((*first)->histogram.counts(), testing::ElementsAreArray(sample().counts()));
    const auto second = reader.next();
    ASSERT_TRUE(second.has_value() && *second);
    EXPECT_EQ((*second)->tag, "");
    EXPECT_EQ((*second)->since_start, seconds(3.25));
    EXPECT_EQ((*second)->histogram.count(), 0u);
    const auto end = reader.next();
    ASSERT_TRUE(end.has_value());
    EXPECT_FALSE(*end);
}

TEST(HlogReader, NamesTheLineThatItCannotRead) {
    const std::string good = "Tag=a,1.000,1.000,0.000," + encode_histogram(Histogram{}) + "\n";
    const struct {
        std::string line, why;
    } rows[] = {{"Tag=a", "is not like"},
                {"Tag=", "is not like"},
                {"nonsense", "is not like"},
                {"Tag=a,1.000", "is not like"},
                {"Tag=a,1.000,-1.000,0.000,HISTFAAA", "is not like"},
                {"Tag=a,1.000,nan,0.000,HISTFAAA", "is not like"},
                {"Tag=a,1.000,1.000,0.000,", "not a histogram that loadline wrote"},
                {"Tag=a,1.000,1.000,0.000,HISTFAAA", "not a histogram that loadline wrote"}};
    for (const auto& [line, why] : rows) {
        SCOPED_TRACE(line);
        std::istringstream log{"# comment\n" + good + line + "\n"};
        HlogReader reader{log};
        ASSERT_TRUE(reader.next().has_value());
        const auto broken = reader.next();
        ASSERT_FALSE(broken.has_value());
        EXPECT_THAT(broken.error().message,
                    testing::AllOf(testing::StartsWith("line 3: "), testing::HasSubstr(why)));
    }
}

}  // namespace
}  // namespace loadline
