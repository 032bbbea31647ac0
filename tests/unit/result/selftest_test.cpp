#include "result/selftest.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "temporary_folder.hpp"

namespace loadline {
namespace {

Selftest sample() {
    Selftest s;
    s.at = "2026-11-21T08:02:47Z";
    s.version = "0.1.0";
    s.kernel = "Linux 6.1";
    s.cpu_model = "a processor";
    s.cores = 2;
    s.threads = 2;
    s.ceiling_per_s = 48'000;
    s.lag_p99 = std::chrono::microseconds{350};
    s.cpu_share = 0.5;
    s.machine_p99 = std::chrono::microseconds{120};
    s.percentiles = {{0.5, milliseconds(10.1), milliseconds(10)},
                     {0.99, milliseconds(40), milliseconds(41)}};
    return s;
}

Machine machine_of(const Selftest& s) {
    Machine machine;
    machine.kernel = s.kernel;
    machine.cpu_model = s.cpu_model;
    machine.cores = s.cores;
    return machine;
}

/// A cache folder of its own.
class KeptSelftest : public testing::Test {
protected:
    KeptSelftest() { ::setenv("XDG_CACHE_HOME", folder_.path.c_str(), 1); }
    ~KeptSelftest() override { ::unsetenv("XDG_CACHE_HOME"); }

    const TemporaryFolder folder_;
};

TEST(Selftest, TheWorstErrorIsTheLargestShareEitherWay) {
    EXPECT_NEAR(sample().worst_error(), 1.0 / 41, 1e-9);
    EXPECT_EQ(Selftest{}.worst_error(), 0);
}

TEST_F(KeptSelftest, IsThereForThisMachineOnly) {
    EXPECT_FALSE(kept_selftest(machine_of(sample())));
    ASSERT_TRUE(keep_selftest(sample()).has_value());
    const auto kept = kept_selftest(machine_of(sample()));
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->ceiling_per_s, 48'000);
    EXPECT_EQ(kept->lag_p99, std::chrono::microseconds{350});
    ASSERT_EQ(kept->percentiles.size(), 2U);
    EXPECT_EQ(kept->percentiles[1].served, milliseconds(41));
    auto other = machine_of(sample());
    other.cores = 4;
    EXPECT_FALSE(kept_selftest(other));
}

TEST_F(KeptSelftest, ABrokenFileIsNone) {
    for (const char* text : {"", "{", "[]", R"({"at": 3})"}) {
        folder_.write("loadline/selftest.json", text);
        EXPECT_FALSE(kept_selftest(machine_of(sample()))) << text;
    }
}

TEST_F(KeptSelftest, AFolderThatTakesNoFileIsAnError) {
    folder_.write("loadline", "a file");
    const auto kept = keep_selftest(sample());
    ASSERT_FALSE(kept.has_value());
    EXPECT_EQ(kept.error().kind, ErrorKind::output);
    EXPECT_NE(kept.error().message.find("selftest.json could not be written"), std::string::npos);
}

}  // namespace
}  // namespace loadline
