#include "watch/close_wait_ages.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <numeric>
#include <vector>

namespace loadline {
namespace {

using Records = std::vector<SocketRecord>;

const TimePoint start{seconds(1000)};

TimePoint at(double s) { return start + seconds(s); }

std::function<TimePoint()> clock_at(double s) {
    return [s] { return at(s); };
}

SocketRecord socket(std::uint64_t cookie, TcpState state = TcpState::close_wait) {
    SocketRecord record;
    record.cookie = cookie;
    record.state = state;
    return record;
}

SocketRecord timed(std::uint64_t cookie, double since_ack) {
    auto record = socket(cookie);
    record.timed = true;
    record.since_last_ack = seconds(since_ack);
    record.since_last_data = seconds(since_ack + 1);
    return record;
}

/// Cookies first, first + 1, ... of established sockets.
void add_established(Records& records, std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
        records.push_back(socket(first + i, TcpState::established));
    }
}

/// A kernel that tells of each socket the same ages, and notes who was asked for.
struct Kernel {
    std::vector<std::uint64_t> asked{};
    double since_ack = 0.5;
    int error = 0;
    bool gone = false;

    CloseWaitAges::AskForOne ask() {
        return [this](SocketRecord& record) -> std::optional<DumpError> {
            asked.push_back(record.cookie);
            if (error != 0) return DumpError{error};
            if (!gone) record = timed(record.cookie, since_ack);
            return {};
        };
    }
};

TEST(CloseWaitAges, WantsTheFirstDumpWithTimesAndThenAsksForNewOnesAlone) {
    CloseWaitAges ages;
    Kernel kernel;
    EXPECT_TRUE(ages.better_with_dump());
    Records first{timed(1, 60), timed(2, 70)};
    add_established(first, 100, 30);
    ages.complete(first, clock_at(0), kernel.ask());
    EXPECT_TRUE(kernel.asked.empty()) << "the dump said it";
    EXPECT_FALSE(ages.better_with_dump());

    Records second{socket(1), socket(3), socket(2)};
    add_established(second, 100, 30);
    ages.complete(second, clock_at(10), kernel.ask());
    EXPECT_EQ(kernel.asked, std::vector<std::uint64_t>{3}) << "of the others it is known";
    const double since_ack[] = {70, 0.5, 80};
    for (std::size_t i = 0; i < 3; ++i) {
        SCOPED_TRACE(second[i].cookie);
        EXPECT_TRUE(second[i].timed);
        EXPECT_EQ(second[i].since_last_ack, seconds(since_ack[i]));
        EXPECT_EQ(second[i].since_last_data, seconds(since_ack[i] + 1));
    }
    EXPECT_FALSE(second[3].timed) << "ages count in CLOSE_WAIT only";
}

TEST(CloseWaitAges, KeepWhatWasToldFirst) {
    CloseWaitAges ages;
    Kernel kernel;
    Records early{timed(1, 60)};
    ages.complete(early, clock_at(0), kernel.ask());
    Records late{timed(1, 0)};  // the peer has answered a keep-alive meanwhile
    ages.complete(late, clock_at(5), kernel.ask());
    EXPECT_EQ(late[0].since_last_ack, seconds(65));
    EXPECT_TRUE(kernel.asked.empty());
}

TEST(CloseWaitAges, WantADumpWithTimesWhileManyAreNew) {
    CloseWaitAges ages;
    Kernel kernel;
    const auto read = [&](std::uint64_t first_cookie, std::uint64_t count) {
        Records records;
        add_established(records, 1000, 130);
        for (std::uint64_t i = 0; i < count; ++i) records.push_back(socket(first_cookie + i));
        ages.complete(records, clock_at(0), kernel.ask());
    };
    read(1, 10);  // of 140: one question for 14 sockets
    EXPECT_FALSE(ages.better_with_dump());
    read(101, 11);
    EXPECT_TRUE(ages.better_with_dump());
    EXPECT_EQ(kernel.asked.size(), 10U + 11);
    read(101, 11);
    EXPECT_FALSE(ages.better_with_dump()) << "the same as before";
}

TEST(CloseWaitAges, LeaveASocketThatIsGoneWithoutAndForgetIt) {
    CloseWaitAges ages;
    Kernel kernel;
    kernel.gone = true;
    Records records{socket(1)};
    ages.complete(records, clock_at(0), kernel.ask());
    EXPECT_FALSE(records[0].timed);
    kernel.gone = false;
    records = {socket(1), socket(2)};
    ages.complete(records, clock_at(1), kernel.ask());  // not gone after all
    EXPECT_TRUE(records[0].timed);
    kernel.asked.clear();
    const auto read = [&](Records now, double t) {
        ages.complete(now, clock_at(t), kernel.ask());
        return now;
    };
    const Records without{socket(2)}, both{socket(1), socket(2)};
    read(without, 2);
    EXPECT_EQ(read(both, 3)[0].since_last_ack, seconds(2.5));
    EXPECT_TRUE(kernel.asked.empty()) << "missing once is not gone";
    read(without, 4);
    read(without, 5);
    read(both, 6);
    EXPECT_EQ(kernel.asked, std::vector<std::uint64_t>{1});
}

/// A read of two new sockets among others, whose first question fails.
struct FailedRead {
    explicit FailedRead(int error) {
        kernel.error = error;
        add_established(records, 10, 100);
        ages.complete(records, clock_at(0), kernel.ask());
        EXPECT_EQ(kernel.asked.size(), 1U) << "not in this read again";
        EXPECT_FALSE(records[0].timed || records[1].timed);
        EXPECT_TRUE(ages.better_with_dump());
    }
    CloseWaitAges ages;
    Kernel kernel;
    Records records{socket(1), socket(2)};
};

TEST(CloseWaitAges, TakeOneDumpWithTimesWhereAnAnswerFailed) {
    FailedRead read{ENOBUFS};
    read.kernel.error = 0;
    read.records[0] = timed(1, 3);
    read.records[1] = timed(2, 4);
    read.ages.complete(read.records, clock_at(1), read.kernel.ask());
    EXPECT_FALSE(read.ages.better_with_dump());
    read.records.push_back(socket(3));
    read.ages.complete(read.records, clock_at(2), read.kernel.ask());
    EXPECT_EQ(read.kernel.asked.back(), 3U) << "and later ones are asked for again";
    EXPECT_TRUE(read.records.back().timed);
}

TEST(CloseWaitAges, TakeDumpsWithTimesForEverOnceTheKernelRefuses) {
    FailedRead read{EOPNOTSUPP};
    for (int i = 1; i < 4; ++i) {
        read.records[0] = timed(1, i);
        read.ages.complete(read.records, clock_at(i), read.kernel.ask());
        EXPECT_EQ(read.records[0].since_last_ack, seconds(i));
        EXPECT_TRUE(read.ages.better_with_dump());
    }
    EXPECT_EQ(read.kernel.asked.size(), 1U);
}

TEST(CloseWaitAges, AreAsOfTheInstantAtWhichTheyAreTold) {
    CloseWaitAges ages;
    Kernel kernel;
    double passed = 0;
    const auto clock = [&] { return at(passed += 10); };  // the answers come slowly
    Records records{socket(1), socket(2)};
    ages.complete(records, clock, kernel.ask());
    EXPECT_EQ(records[0].since_last_ack, seconds(0.5)) << "as told, and no rounding added";
    ages.complete(records, clock_at(100), kernel.ask());
    EXPECT_EQ(records[0].since_last_ack, seconds(100 - 20 + 0.5));
    EXPECT_EQ(records[1].since_last_ack, seconds(100 - 30 + 0.5));
}

}  // namespace
}  // namespace loadline
